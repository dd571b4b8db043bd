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
PUBLIC = re.compile(r"(zabc_|jute_next_|zk_|bytes_)\w+@@ZABCLIENT_0$|ZABCLIENT_0$")
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


def exports_its_own_names_only(library):
    names = [line.split()[-1] for line in output_of("nm", "-D", "--defined-only", str(library)).splitlines()]
    check.true(len(names) > 40, "it has what the header promises")
    check.equal([n for n in names if not PUBLIC.match(n)], [], "names that are not public")


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
        exports_its_own_names_only(directory / "libzabclient.so")
        runs_the_example(place, flags, directory)
    print(f"  {check.count} checks")


if __name__ == "__main__":
    sys.exit(main())
