#!/usr/bin/env python3
"""The client library as another project meets it: installed, found by pkg-config, and linked into the program that
docs/zabcli.md shows."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

import common
import counted

check = counted.Checks()
DOC = common.ROOT / "docs" / "zabcli.md"
# What is exported beside zabc_*: names of errors and operations, and what walks through a callback's records.
HELPERS = re.compile(r"jute_next_\w+|zk_err_name|zk_op_name|bytes_done|bytes_grow")
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def output_of(*command, **kwargs):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **kwargs)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def only(found):
    found = list(found)
    check.equal(len(found), 1, f"one of {found}")
    return found[0]


def install(place):
    """Returns the flags for a program, and the directory of the library."""
    output_of("meson", "install", "-C", str(common.BUILD), "--no-rebuild", "--quiet", "--destdir", str(place))
    package = only(place.rglob("zabclient.pc")).parent
    environment = {**os.environ, "PKG_CONFIG_PATH": str(package), "PKG_CONFIG_SYSROOT_DIR": str(place)}
    flags = output_of("pkg-config", "--cflags", "--libs", "zabclient", env=environment).split()
    return flags, only(place.rglob("libzabclient.so")).parent


def called_in(header):
    """The names before a parenthesis: at least all functions that it declares."""
    return set(re.findall(r"\b([a-z]\w*)\(", re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.DOTALL)))


def exports_what_the_headers_say(place, library):
    lines = output_of("nm", "-D", "--defined-only", str(library)).splitlines()
    names = {line.split()[-1].removesuffix("@@ZABCLIENT_0") for line in lines} - {"ZABCLIENT_0"}
    calls = called_in(only(place.rglob("zabclient.h")))
    check.true(len(calls) > 30, "the header has calls")
    check.equal(sorted(n for n in calls if n.startswith("zabc_") and n not in names), [], "promised and not there")
    others = {n for n in names if not n.startswith("zabc_")}
    check.equal(sorted(n for n in others if not HELPERS.fullmatch(n)), [], "names that are not public")
    known = set().union(*map(called_in, place.rglob("*.h")))
    check.equal(sorted(names - known), [], "names that no header declares")


def runs_the_example(place, flags, directory):
    program = only(re.findall(r"```c\n(.*?)```", DOC.read_text(), re.DOTALL))
    source, binary = place / "example.c", place / "example"
    source.write_text(program)
    output_of("cc", *STRICT, "-o", str(binary), str(source), *flags)
    with common.server() as running:
        connect = common.connect_of(running)
        check.equal(common.run(connect, "create", "/a", "what it holds")[2], 0, "zabcli creates /a")
        shown = output_of(
            str(binary), connect, env={**common.environment(), "LD_LIBRARY_PATH": str(directory)}
        )
    check.equal(shown, "what it holds\n", "the example's output")


def main():
    if "b_sanitize" in (common.BUILD / "configured-as").read_text():
        print("  a build with a sanitizer has no library for others")
        return
    with tempfile.TemporaryDirectory(prefix="zabd-test-") as name:
        place = pathlib.Path(name)
        flags, directory = install(place)
        exports_what_the_headers_say(place, directory / "libzabclient.so")
        runs_the_example(place, flags, directory)
    print(f"  {check.count} checks")


if __name__ == "__main__":
    sys.exit(main())
