# shellcheck shell=bash
# Sourced by the `run` of every suite in client-compat/. It holds what the suites share as shell
# programs: where downloads and builds are kept, how Debian packages get installed, and how a
# suite's program is run under a time limit and its verdict printed.
set -euo pipefail

# shellcheck disable=SC2034 # The suites use it.
compat_cache=${ZABD_CACHE:-$HOME/.cache/zabd}/compat

# One server alone is not killed: there is none to go to. The arguments are those of its `run`.
[[ $* == *,* ]] || unset COMPAT_ENSEMBLE

suite_fail() {
    echo "$1: FAIL $2"
    exit 1
}

# suite_connect NAME "$@" - the one argument every suite takes; prints it.
suite_connect() {
    if [ $# -ne 2 ] || [[ $2 != *:* ]]; then
        echo "usage: $1/run HOST:PORT[,HOST:PORT...]" >&2
        exit 2
    fi
    echo "$2"
}

# suite_need COMMAND PACKAGE... - installs the Debian packages unless COMMAND succeeds already.
suite_need() {
    local probe=$1
    shift
    if eval "$probe" >/dev/null 2>&1; then
        return
    fi
    if [ "$(id -u)" -ne 0 ]; then
        echo "missing: $* (install as root: apt-get install $*)" >&2
        return 1
    fi
    local install="apt-get install -y -qq --no-install-recommends"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # A list of words.
    $install "$@" >&2 || { apt-get update -qq >&2 && $install "$@" >&2; }
}

# suite_once STAMP COMMAND... - runs COMMAND unless an earlier run for the same STAMP succeeded.
# Two suites that start together wait for one another.
suite_once() {
    local stamp=$compat_cache/$1
    shift
    mkdir -p "$(dirname "$stamp")"
    (
        flock 9
        [ -e "$stamp" ] || { "$@" && touch "$stamp"; }
    ) 9>"$stamp.lock"
}

# suite_version TEXT - says what is being run; scripts/compat shows it in its table.
suite_version() {
    echo "version: $*"
}

suite_stop() {
    kill "$suite_child" 2>/dev/null || true
    wait "$suite_child" || true
    rm -f "$COMPAT_REASON"
    exit 143
}

# suite_run NAME SECONDS COMMAND... - runs COMMAND, which is given a file name in $COMPAT_REASON to
# write a failure's reason to, and ends the suite with the line and the exit status that it
# promises. The time limit ends COMMAND and all that it started.
suite_run() {
    local name=$1 limit=$2 status=0 reason
    shift 2
    COMPAT_REASON=$(mktemp)
    export COMPAT_REASON
    timeout -k 5 "$limit" "$@" &
    suite_child=$!
    trap suite_stop INT TERM
    wait "$suite_child" || status=$?
    trap - INT TERM
    reason=$(head -n 1 "$COMPAT_REASON")
    rm -f "$COMPAT_REASON"
    if [ "$status" -eq 0 ] && [ -z "$reason" ]; then
        echo "$name: PASS"
        exit 0
    fi
    if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
        reason="the time limit of $limit s was reached${reason:+, and before: $reason}"
    fi
    suite_fail "$name" "${reason:-exit status $status}"
}
