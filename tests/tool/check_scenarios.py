#!/usr/bin/env python3
"""check_scenarios: what tests/scenarios/README.md names must exist.

    check_scenarios [DIRECTORY]    the project (default: this one)

Its tables name scenarios (`x.txt`), unit tests by their fact, and files (`tests/...`). Each kind of packet in zab/packet.h has
a row, and a scenario that a row names for it contains it. Each scenario is played (tests/meson.build)."""

import pathlib
import re
import sys

FACT = re.compile(r"START_TEST\((\w+)\)")
NAMED = re.compile(r"`([^`]+)`")
PACKET = re.compile(r"^\s*ZAB_([A-Z]+) = \d+", re.M)


def rows_of(text):
    """(subject, names in the last cell) of each row of a table, heads left out."""
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith(("| Message |", "| Issue |")):
            cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
            yield cells[0], NAMED.findall(cells[-1])


def check_name(root, facts, subject, packets, name):
    """What is wrong with a name, or None."""
    if name.endswith(".txt"):
        path = root / "tests" / "scenarios" / name
        if not path.is_file():
            return f"{name}: no such scenario"
        if subject in packets and not re.search(rf"\b{subject}\b", path.read_text()):
            return f"{name}: has no {subject}"
        return None
    if name.startswith("tests/"):
        return None if (root / name).is_file() else f"{name}: no such file"
    return None if name in facts else f"{name}: no such test"


def findings(root):
    readme = (root / "tests" / "scenarios" / "README.md").read_text()
    facts = {fact for path in (root / "tests" / "unit").glob("*.c") for fact in FACT.findall(path.read_text())}
    packets = set(PACKET.findall((root / "zab" / "packet.h").read_text()))
    played = (root / "tests" / "meson.build").read_text()
    rows = list(rows_of(readme))
    for subject, names in rows:
        if not names:
            yield f"{subject}: nothing is named"
        for name in names:
            wrong = check_name(root, facts, subject, packets, name)
            if wrong is not None:
                yield f"{subject}: {wrong}"
    for packet in sorted(packets - {subject for subject, _ in rows}):
        yield f"{packet}: no row"
    if not packets or len(rows) < len(packets):
        yield "the tables were not found"
    for path in sorted((root / "tests" / "scenarios").glob("*.txt")):
        if f"'{path.stem}'" not in played:
            yield f"{path.name}: nobody plays it"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2])
    found = list(findings(root))
    for what in found:
        print(f"tests/scenarios/README.md: {what}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
