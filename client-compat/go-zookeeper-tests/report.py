"""report.py: reads what `go test -json` prints, and says test by test how it went.

A test that fails with real ZooKeeper counts as skipped there, and there only. Each session that
expired in a test that does not ask for it is a wrong answer of its own.
"""

import json
import os
import sys

# A test that may fail with ZooKeeper 3.9.5, and why.
FAILS_WITH_ZK = {
    "TestIntegration_IncrementalReconfig": "fails with ZooKeeper too when the server that it removes leads:"
    " all connections are closed while the others elect, and its next request is not repeated",
}
# They expire their session on purpose: the second keeps it silent for 4 s, with a timeout of 1 s.
ASKS_FOR_EXPIRY = {"TestIntegration_ExpiringWatch", "TestIntegration_SlowServer"}
EXPIRED = ("session has been expired by the server", "StateExpired")
SHOWN_LINES = 40


class Report:
    def __init__(self, against):
        self.against = against
        self.output = {}
        self.asked, self.skipped, self.wrong = 0, 0, []

    def event(self, event):
        name = event.get("Test", "").split("/")[0]
        if event["Action"] == "output":
            self.output.setdefault(name, []).append(event["Output"])
        elif event["Action"] in ("pass", "fail", "skip") and event.get("Test") == name:
            self.ended(name, event["Action"], event["Elapsed"])

    def ended(self, name, action, seconds):
        lines = "".join(self.output.pop(name, ())).splitlines()
        expiries = sum(any(words in line for words in EXPIRED) for line in lines)
        if action == "skip":
            self.skip(name, "says so itself: " + (lines[-2].strip() if len(lines) > 1 else ""))
        elif action == "fail" and self.against == "zk" and name in FAILS_WITH_ZK:
            self.skip(name, FAILS_WITH_ZK[name])
        elif action == "fail":
            self.fail(name, "failed", seconds, lines)
        elif expiries and name not in ASKS_FOR_EXPIRY:
            self.fail(name, f"{expiries} sessions expired", seconds, lines)
        else:
            self.asked += 1
            print(f"  ok    {name} ({seconds:.1f} s)", flush=True)

    def skip(self, name, reason):
        self.skipped += 1
        print(f"  skipped: {name} ({reason})", flush=True)

    def fail(self, name, reason, seconds, lines):
        self.asked += 1
        self.wrong.append(f"{name} ({reason})")
        print(f"  wrong {name} ({seconds:.1f} s): {reason}")
        for line in lines[-SHOWN_LINES:]:
            print("          " + line)
        sys.stdout.flush()


def main():
    report = Report(os.environ.get("COMPAT_AGAINST", "zabd"))
    for line in sys.stdin:
        if line.startswith("{"):
            report.event(json.loads(line))
        else:
            print(line, end="", flush=True)
    if not report.asked:
        report.wrong.append("no test was run: " + " ".join("".join(report.output.get("", ())).split())[:300])
    print(f"  {report.asked} questions, {len(report.wrong)} wrong answers, {report.skipped} skipped", flush=True)
    if report.wrong:
        with open(os.environ["COMPAT_REASON"], "w", encoding="utf-8") as file:
            file.write("; ".join(report.wrong) + "\n")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
