"""What a question of the kazoo suite has at hand: clients that are closed again, and relays."""

from kazoo.client import KazooClient, KazooState

from questions import Asker, eventually

# Reconnects come at once, so that a question about them takes no longer than it must.
RETRY = {"max_tries": -1, "delay": 0.05, "backoff": 1, "max_jitter": 0.1, "max_delay": 0.2}


class KazooAsker(Asker):
    """An Asker whose clients live below the question's own path as their chroot."""

    def client(self, connect=None, chroot=True, **options):
        """A started client. Without chroot its paths are absolute."""
        options.setdefault("timeout", 15.0)
        hosts = connect or self.connect
        if chroot:
            hosts += self.root
        zk = KazooClient(
            hosts=hosts, randomize_hosts=False, connection_retry=dict(RETRY), **options
        )
        self.afterwards(lambda: close(zk))
        zk.start(timeout=20)
        if chroot:
            zk.ensure_path("/")
        return zk


def close(zk):
    zk.stop()
    zk.close()


class States:
    """The states that a client has gone through since this was made."""

    def __init__(self, zk):
        self.seen = []
        zk.add_listener(self.seen.append)

    def wait_for(self, state, seconds=20):
        eventually(lambda: state in self.seen, "the state %s" % state, seconds)

    def wait_for_reconnect(self):
        eventually(
            lambda: self.seen[-2:] == [KazooState.SUSPENDED, KazooState.CONNECTED],
            "suspended and connected again",
        )
