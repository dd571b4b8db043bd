"""netspace: a network of our own, in which every server has an interface, and any of it can be cut.

    if why := netspace.enter():
        print("skipped:", why)
    net = netspace.Network()
    host = net.add(1)              # 10.77.0.1, in a namespace of its own
    net.cut([1], [2, 3])           # nothing goes between 1 and the others, in either direction
    net.heal()

enter() moves the calling process (before it starts threads) into a network namespace without a name; the bridge lies
there, and what this process connects to or starts later does so there. Each host's namespace is held by a process that
sleeps, and that dies with this one, whatever ends it; with its last process the kernel removes a namespace and all
interfaces in it. So nothing is left behind, nothing has a name that others could have, and nothing of the machine's
own network is touched.

What is cut is dropped in silence where it would arrive: a filter on the receiving interface, a few instructions of
classic BPF, which iproute2's tc takes as text. The same filter loses packets at random. Needed: root (or the right to
make user namespaces), iproute2, util-linux, and a kernel with veth, bridges and cls_bpf.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import time

CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000
OUTSIDE = 254  # The number of this process on the network.

_libc = ctypes.CDLL(None, use_errno=True)
_state = {"entered": False, "why": None}

# Classic BPF: load the word or half word at an address, jump if equal, jump if greater or equal, return.
_LOAD, _LOAD_HALF, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x28, 0x15, 0x35, 0x06
_SOURCE_ADDRESS = 0x100000000 - 0x100000 + 12  # SKF_NET_OFF + the source's place in an IPv4 header.
_TARGET_PORT = 0x100000000 - 0x100000 + 22  # The same of TCP's, behind a header without options.
_RANDOM = 0x100000000 - 0x1000 + 56  # SKF_AD_OFF + SKF_AD_RANDOM.
_GO_ON, _DROP = 0xFFFFFFFF, 2


class Unavailable(Exception):
    """The machine does not let us have a network of our own."""


def _run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _unshare(flags):
    if _libc.unshare(flags):
        raise Unavailable(f"unshare: {os.strerror(ctypes.get_errno())}")


def _unshare_as_user():
    """Without root: a user namespace in which we are root, and in it the network."""
    uid, gid = os.geteuid(), os.getegid()
    _unshare(CLONE_NEWUSER | CLONE_NEWNET)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as f:
            f.write(text)


def enter():
    """Moves this process into a network of its own; None, or why that can't be. Tries once."""
    if _state["entered"] or _state["why"]:
        return _state["why"]
    try:
        for tool, package in (("ip", "iproute2"), ("tc", "iproute2"), ("nsenter", "util-linux")):
            if shutil.which(tool) is None:
                raise Unavailable(f"there is no {tool}; on Debian: apt-get install {package}")
        if os.geteuid() == 0:
            _unshare(CLONE_NEWNET)
        else:
            _unshare_as_user()
        _run("ip", "link", "set", "lo", "up")
        _state["entered"] = True
    except (Unavailable, OSError) as e:
        _state["why"] = str(e)
    return _state["why"]


def _holder():
    """A process in a network namespace of its own, which ends with ours."""

    def apart():
        _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if _libc.unshare(CLONE_NEWNET):
            os._exit(3)

    return subprocess.Popen(["sleep", "infinity"], stdin=subprocess.DEVNULL, preexec_fn=apart)


class Network:
    """A bridge with hosts on it. enter() must have succeeded; raises Unavailable."""

    count = 0

    def __init__(self):
        Network.count += 1
        self.number = Network.count
        self.bridge = f"br{self.number}"
        self.holders = {}
        self.dropped = {}  # Host -> the hosts that it does not hear.
        self.deaf = {}  # Host -> the ports at which it hears nobody.
        self.loss = {}  # Host -> the share of packets that don't arrive there.
        _run("ip", "link", "add", self.bridge, "type", "bridge")
        _run("ip", "addr", "add", f"{self.address(OUTSIDE)}/24", "dev", self.bridge)
        _run("ip", "link", "set", self.bridge, "up")

    def address(self, host):
        return f"10.77.{self.number}.{host}"

    def inside(self, host):
        """The words that, before a command, run it on this host."""
        return ["nsenter", f"--net=/proc/{self.holders[host].pid}/ns/net"]

    def add(self, host):
        """A host, by its number from 1 to 253; returns its address."""
        holder = self.holders[host] = _holder()
        deadline = time.monotonic() + 10
        while self._namespace(holder.pid) in (None, self._namespace("self")):
            if holder.poll() is not None or time.monotonic() > deadline:
                raise Unavailable("no namespace for a host")
            time.sleep(0.002)
        ours = f"v{self.number}-{host}"
        _run("ip", "link", "add", ours, "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
        _run("ip", "link", "set", ours, "master", self.bridge, "up")
        _run(*self.inside(host), "ip", "addr", "add", f"{self.address(host)}/24", "dev", "eth0")
        _run(*self.inside(host), "ip", "link", "set", "eth0", "up")
        _run(*self.inside(host), "ip", "link", "set", "lo", "up")
        _run(*self.inside(host), "tc", "qdisc", "add", "dev", "eth0", "clsact")
        self.dropped[host], self.deaf[host], self.loss[host] = set(), set(), 0.0
        return self.address(host)

    @staticmethod
    def _namespace(pid):
        try:
            return os.readlink(f"/proc/{pid}/ns/net")
        except OSError:
            return None

    def close(self):
        for holder in self.holders.values():
            holder.kill()
            holder.wait()
        self.holders.clear()
        subprocess.run(["ip", "link", "del", self.bridge], capture_output=True)

    # -- What gets through.

    def _word(self, host):
        a, b, c, d = (int(part) for part in self.address(host).split("."))
        return a << 24 | b << 16 | c << 8 | d

    def _program(self, host):
        """The filter of what arrives at a host. Clients (OUTSIDE) suffer no loss, only cuts."""
        code = [(_LOAD, 0, 0, _SOURCE_ADDRESS)]
        for source in sorted(self.dropped[host]):
            code += [(_EQUAL, 0, 1, self._word(source)), (_RETURN, 0, 0, _DROP)]
        if self.deaf[host]:
            code.append((_LOAD_HALF, 0, 0, _TARGET_PORT))
            for port in sorted(self.deaf[host]):
                code += [(_EQUAL, 0, 1, port), (_RETURN, 0, 0, _DROP)]
            code.append((_LOAD, 0, 0, _SOURCE_ADDRESS))
        if self.loss[host]:
            bound = min(int(self.loss[host] * (1 << 32)), 0xFFFFFFFF)
            code += [(_EQUAL, 0, 1, self._word(OUTSIDE)), (_RETURN, 0, 0, _GO_ON)]
            code += [(_LOAD, 0, 0, _RANDOM), (_AT_LEAST, 1, 0, bound), (_RETURN, 0, 0, _DROP)]
        code.append((_RETURN, 0, 0, _GO_ON))
        return f"{len(code)}," + ",".join("%d %d %d %d" % line for line in code)

    def _apply(self, host):
        tc = [*self.inside(host), "tc", "filter"]
        at = ["dev", "eth0", "ingress", "protocol", "ip", "pref", "1"]
        if self.dropped[host] or self.deaf[host] or self.loss[host]:
            _run(*tc, "replace", *at, "handle", "1", "bpf", "da", "bytecode", self._program(host))
        else:
            subprocess.run([*tc, "del", *at], capture_output=True)  # There may be none.

    def cut_one_way(self, sources, targets):
        """Nothing from the sources arrives at the targets. The outside may be a source, not a target."""
        for target in targets:
            if target != OUTSIDE:
                self.dropped[target].update(s for s in sources if s != target)
                self._apply(target)

    def cut(self, some, others):
        self.cut_one_way(some, others)
        self.cut_one_way(others, some)

    def isolate(self, host, clients=False):
        """Cuts one host from all others, and with clients from this process too."""
        self.cut([host], [h for h in self.holders if h != host] + ([OUTSIDE] if clients else []))

    def split(self, *sides):
        """Hosts in different sides don't hear each other."""
        for i, side in enumerate(sides):
            for other in sides[i + 1 :]:
                self.cut(side, other)

    def deafen(self, host, port):
        """Nothing arrives at this port of the host, not even the wish to connect."""
        self.deaf[host].add(port)
        self._apply(host)

    def lose(self, share, hosts=None):
        """Each packet between hosts is lost with this probability."""
        for host in hosts or self.holders:
            self.loss[host] = share
            self._apply(host)

    def heal(self):
        for host in self.holders:
            self.dropped[host], self.deaf[host], self.loss[host] = set(), set(), 0.0
            self._apply(host)
