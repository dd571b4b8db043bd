#!/usr/bin/env bash
# zkServer.sh start-foreground CONFIG - what go-zookeeper's tests start in place of the script of a
# ZooKeeper distribution: zabd ($ZABD), or real ZooKeeper when COMPAT_AGAINST=zk. They end it with
# kill -9 of this very process, so the server takes its place.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
config=${2:?usage: zkServer.sh start-foreground CONFIG}
[ "$1" = start-foreground ] || exit 2

# The tests' own configuration would listen on every address of the machine.
grep -q '^clientPortAddress=' "$config" || echo "clientPortAddress=127.0.0.1" >>"$config"

if [ "${COMPAT_AGAINST:-zabd}" = zk ]; then
    ZKJVM="-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 ${SERVER_JVMFLAGS:-}" \
        exec "$root/scripts/zk-real" server "$config"
fi
# shellcheck disable=SC2086 # A list of -D flags.
exec "${ZABD:-$root/build/zabd}" ${SERVER_JVMFLAGS:-} "$config"
