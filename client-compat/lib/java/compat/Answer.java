package compat;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** What becomes of a question that has a thread of its own and a time limit. */
public final class Answer {
    private Answer() {
    }

    /** Null, or what was wrong. A question that is too late is interrupted, and not waited for. */
    public static Throwable within(int seconds, Body question) throws InterruptedException {
        FutureTask<Void> task = new FutureTask<>(() -> {
            question.run();
            return null;
        });
        Thread thread = new Thread(task, "question");
        thread.setDaemon(true);
        thread.start();
        try {
            task.get(seconds, TimeUnit.SECONDS);
            return null;
        } catch (TimeoutException e) {
            Wrong late = new Wrong("no answer within " + seconds + " s");
            late.setStackTrace(thread.getStackTrace());
            task.cancel(true);
            return late;
        } catch (ExecutionException e) {
            return e.getCause();
        }
    }
}
