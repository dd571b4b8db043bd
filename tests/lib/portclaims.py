"""portclaims: ports of the loopback for servers to listen on, each with one test at a time.

Between the look at a port that is free and the server that listens on it lie milliseconds, in which a test that runs
beside this one may find the same port free. So a port is claimed first: a socket in the abstract namespace with the
port in its name, which the kernel gives to one process only and takes back when that ends, however it ends.

The range is below the one from which the kernel gives ports to outgoing connections, so that no client sits on a
port while its server is down, and above the ports that the suites of clients choose for themselves.
"""

import random
import socket

FIRST, LAST = 16400, 26000
_random = random.SystemRandom()  # No test's seed decides it: two tests with one seed would ask in step.
_claims = {}  # port -> the socket that holds it.


def _is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # As servers do: old connections don't matter.
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def claim(port):
    """Whether the port is this process's now, until it gives it back or ends."""
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        holder.bind(f"\0zabd-test-port-{port}")
    except OSError:
        holder.close()
        return False
    if not _is_free(port):
        holder.close()
        return False
    _claims[port] = holder
    return True


def take(first=FIRST, last=LAST):
    """A port from first up to, but not, last, claimed."""
    for _ in range(100 * (last - first)):
        port = _random.randrange(first, last)
        if claim(port):
            return port
    raise OSError(f"no port from {first} to {last} is free")


def give_back(port):
    """Lets others have it; nothing happens if this process did not claim it."""
    holder = _claims.pop(port, None)
    if holder is not None:
        holder.close()
