"""readonly_kazoo: kazoo as readonly.py asks for it; hosts on the command line.

A line of input is a request, and a line of JSON its answer: `state`, `id`, `get PATH`, `set PATH`, `watch PATH`,
`fired`, `stop`. It begins with the answer `ready`, when it is connected in some way.
"""

import json
import sys

from kazoo.client import KazooClient, KeeperState
from kazoo.exceptions import KazooException

TIMEOUT = 4.0


def answer(value):
    print(json.dumps(value), flush=True)


def main():
    fired = []
    client = KazooClient(hosts=sys.argv[1], timeout=TIMEOUT, read_only=True, connection_retry={"max_tries": -1})
    client.start(timeout=60)
    answer("ready")

    def do(word, path):
        if word == "state":
            return {KeeperState.CONNECTED: "rw", KeeperState.CONNECTED_RO: "ro"}.get(client.client_state, "none")
        if word == "id":
            return client.client_id[0] if client.client_id else 0
        if word == "get":
            return client.get(path)[0].decode()
        if word == "set":
            return client.set(path, b"by kazoo").version
        if word == "watch":
            return client.exists(path, watch=lambda event: fired.append(event.path)) is not None
        return fired

    for line in sys.stdin:
        word, _, path = line.strip().partition(" ")
        if word == "stop":
            break
        try:
            answer(do(word, path))
        except KazooException as e:
            answer({"error": type(e).__name__})
    client.stop()
    client.close()


if __name__ == "__main__":
    main()
