#!/usr/bin/env python3
"""scripts/compat itself: whose verdict counts, and that a suite that leaves its servers dead spoils no other."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import counted  # noqa: E402
import servers  # noqa: E402

check = counted.Checks()

ASKS = """#!/usr/bin/env bash
exec 3<>"/dev/tcp/${1%:*}/${1#*:}"
printf ruok >&3
[ "$(cat <&3)" = imok ] || exit 1
echo "version: one of its own"
echo "  3 questions, 0 wrong answers, 1 skipped"
echo "NAME: PASS"
"""
SUITES = {
    "asks": ASKS,
    "asks-again": ASKS,
    "breaks": f"""#!/usr/bin/env bash
"{ROOT}/client-compat/lib/ensemble.py" kill "$COMPAT_ENSEMBLE" 1
echo "breaks: FAIL because it wants to"
exit 1
""",
    "kills": f"""#!/usr/bin/env bash
"{ROOT}/client-compat/lib/ensemble.py" kill "$COMPAT_ENSEMBLE" 1
echo "kills: PASS"
""",
    "lies": "#!/bin/sh\necho 'lies: PASS'\nexit 1\n",
    "silent": "#!/bin/sh\nexit 0\n",
}


def compat(directory, *arguments):
    """Its exit status, the suites' lines, and the table: name -> (asked, wrong, skipped, result)."""
    done = subprocess.run(
        [str(ROOT / "scripts" / "compat"), "--suites", directory, "--servers", "1", *arguments],
        env={**os.environ, "ZABD": str(pathlib.Path(servers.zabd_binary()).resolve())},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if re.match(r"[a-z-]+: (PASS|FAIL)", line)]
    rows = re.findall(r"^([a-z-]+) +.*? +([\d-]+) +([\d-]+) +([\d-]+) +(PASS|FAIL) +\d+$", done.stdout, re.MULTILINE)
    return done.returncode, lines, {name: tuple(rest) for name, *rest in rows}


def main():
    with tempfile.TemporaryDirectory(prefix="zabd-test-") as directory:
        for name, text in SUITES.items():
            run = pathlib.Path(directory) / name / "run"
            run.parent.mkdir()
            run.write_text(text.replace("NAME", name))
            run.chmod(0o755)

        status, lines, rows = compat(directory, "asks")
        check.equal((status, lines), (0, ["asks: PASS"]), "one that passes")
        check.equal(rows, {"asks": ("3", "0", "1", "PASS")}, "its row of the table")

        status, lines, rows = compat(directory, "breaks", "asks", "kills", "asks-again", "lies", "silent")
        check.equal(status, 1, "one that fails")
        said = "breaks: FAIL because it wants to; ended servers: 1; last words: "
        check.true(lines[0].startswith(said), "its own reason comes first")
        check.equal(lines[1], "asks: PASS", "the next has servers again")
        check.true(lines[2].startswith("kills: FAIL ended servers: 1;"), "whose server is gone has failed")
        check.equal(lines[3], "asks-again: PASS", "and the next has one")
        check.equal(lines[4:], ["lies: FAIL exit status 1 without a verdict", "silent: FAIL exit status 0 without a verdict"],
                    "the word and the status must agree")  # fmt: skip
        check.equal([rows[n][3] for n in SUITES], ["PASS"] * 2 + ["FAIL"] * 4, "the table")
    print(f"  {check.count} checks")


if __name__ == "__main__":
    sys.exit(main())
