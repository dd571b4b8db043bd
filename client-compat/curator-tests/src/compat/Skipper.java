package compat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Skips the tests that the file $COMPAT_SKIPPED names: lines "Class.method reason". */
public final class Skipper implements ExecutionCondition {
    private final Map<String, String> reasons = new HashMap<>();

    public Skipper() {
        try {
            for (String line : Files.readAllLines(Path.of(System.getenv("COMPAT_SKIPPED")))) {
                if (!line.isBlank() && !line.startsWith("#")) {
                    String[] parts = line.split(" +", 2);
                    reasons.put(parts[0], parts[1]);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        String reason = context.getTestMethod()
                .map(method -> context.getRequiredTestClass().getSimpleName() + "."
                        + method.getName())
                .map(reasons::get)
                .orElse(null);
        return reason == null ? ConditionEvaluationResult.enabled("not named")
                : ConditionEvaluationResult.disabled(reason);
    }
}
