#!/usr/bin/env python3
"""reconfig: the members of an ensemble change while clients write.

Servers join, leave, change their roles, their ports towards each other and their client port, the leader among them;
one server grows to three and shrinks to one again; servers die in the middle of it. Every answer, error, watch and
file is what ZooKeeper's would be, every restart uses the files, and nothing acknowledged is lost.

--quick does a share of it, with zabd only. Else also ensembles of zabd and ZooKeeper (Java and scripts/zk-real).
--zookeeper asks the same of ZooKeeper alone.
"""

import subprocess
import sys
import time

import proof  # First: it says where the others are.

import zkwire
from changing import CONFIG_PATH, lines_of, request, version_of
from clients import kazoo_command
from ensembles import wait_for
from trial import SKIP_ACL, play, ready, run
from zktree import SUPER_PROPERTY, be_super
from zkwire import Err, Op, Perm

NAMES = {"zabd": "zabd", "zk": "ZooKeeper"}


# -- What is asked of three servers, and refused.


def errors(t):
    e = t.e
    version = version_of(e.wait_config({1, 2, 3}))
    four = "server.4=127.0.0.1:1:2:participant;127.0.0.1:3"
    t.refused("another version", Err.BADVERSION, remove=[3], version=version + 1)
    t.refused("another version, at a follower", Err.BADVERSION, at=t.other(), remove=[3], version=0)
    for line in (four.replace(";127.0.0.1:3", ""), "server.4=127.0.0.1:1:2:guest;3", "server.4"):
        t.refused(f"add {line}", Err.BADARGUMENTS, add=[line])
    t.refused("add server.x", Err.MARSHALLINGERROR, add=[four.replace(".4", ".x")])
    t.refused("remove what is no id", Err.MARSHALLINGERROR, remove=["server.3"])
    t.refused("one voter is left", Err.BADARGUMENTS, remove=[1, 2])
    t.refused("members without any", Err.BADARGUMENTS, members="")
    t.refused("members with what is no key of theirs", Err.BADARGUMENTS, members="tickTime=100")
    more = [four] + [four.replace("server.4", f"server.{n}") for n in (5, 6)]
    t.refused("a quorum of the new members is not here", Err.NEWCONFIGNOQUORUM, add=more)
    fewer = e[1].spec() + "\n" + four
    t.refused("a quorum of other members is not here", Err.NEWCONFIGNOQUORUM, members=fewer)
    t.checks.equal(version_of(e.wait_config({1, 2, 3})), version, "refused: nothing has changed")


def in_progress(t):
    """Two followers hang, so that a reconfig can't be decided; another one has to wait until it is."""
    e = t.e
    leader = e.wait_leader()
    others = [m for m in e if m is not leader]
    client = zkwire.Client(leader.address, 30)
    t.load.rest()
    for m in others:
        m.pause()
    try:
        xids = [client.next_xid() for _ in range(2)]
        changes = [(others[0].spec("observer"), None, None, -1), (None, "99", None, -1)]
        client.send_many([(xid, Op.RECONFIG, *change) for xid, change in zip(xids, changes)])
        # An error, too, is answered behind what came before it.
        wait_for(lambda: int(leader.mntr().get("zk_outstanding_requests", 0)) >= 2, "both are prepared")
    finally:
        for m in others:
            m.resume()
    got = [client.wait_reply(xid, 30).err for xid in xids]
    t.checks.equal(got, [0, Err.RECONFIGINPROGRESS], "refused: another reconfig is in progress")
    client.close_session()
    client.close()
    t.load.go_on()
    e.wait_serving()
    t.change("back to a participant", {1, 2, 3}, add=[others[0].spec("participant")])


# -- Members come, go and change.


def follower_of(t, member):
    wait_for(lambda: member.mode() == "follower", lambda: f"{member} follows: {t.e.modes()}")


def join_and_leave(t):
    e = t.e
    four = e.join(t.kind, t.joiners[0])
    t.checks.equal(four.mode(), "follower", "a joiner follows before it is a member")
    text = e.wait_config({1, 2, 3}, [e[1]])
    t.checks.equal(version_of(four.config_text()), version_of(text), "a joiner takes the configuration over")
    t.change("a follower joins", {1, 2, 3, 4}, at=four, add=[four.spec()])
    five = t.joiners[1]
    five.is_observer = True
    e.join(f"{t.kind}-observer", five)
    t.checks.equal(five.mode(), "follower", "an observer, too, follows before it is a member")
    t.change("an observer joins", {1, 2, 3, 4, 5}, at=t.other(), add=[five.spec()])
    five.is_observer = False
    t.change("an observer becomes a participant", {1, 2, 3, 4, 5}, add=[five.spec()])
    follower_of(t, five)
    five.is_observer = True
    t.change("a participant becomes an observer", {1, 2, 3, 4, 5}, add=[five.spec()])
    wait_for(lambda: five.mode() == "observer", "it observes")
    t.change("an observer leaves", {1, 2, 3, 4}, at=five, remove=[5])
    t.e.retire(five)
    gone = t.other()
    t.change("a follower leaves", {m.sid for m in e} - {gone.sid}, remove=[gone.sid])
    t.checks.equal(gone.mode(), "follower", "who was removed still follows")
    gone.kill()
    gone.spawn()
    t.checks.check(gone.wait_exit(30) != 0, "and does not start again")
    e.retire(gone)
    return gone


def move_leader(t):
    """The leader leaves, and comes again with its data and another number of votes."""
    e = t.e
    leader = e.wait_leader()
    left = {m.sid for m in e} - {leader.sid}
    t.change("the leader leaves", left, at=leader, remove=[leader.sid])
    t.checks.check(e.wait_leader() is not leader, "another leads")
    follower_of(t, leader)
    t.change("who led comes again", left | {leader.sid}, add=[leader.spec()])


def observe_leader(t):
    e = t.e
    leader = e.wait_leader()
    everybody = {m.sid for m in e}
    t.change("the leader becomes an observer", everybody, add=[leader.spec("observer")])
    wait_for(lambda: leader.mode() == "observer", "it observes")
    t.change("and a participant again", everybody, at=leader, add=[leader.spec()])
    follower_of(t, leader)


def move_ports(t, everybody):
    """Ports towards the others, of a follower and of the leader; then the client port of each."""
    e = t.e
    follower, leader = t.other(), e.wait_leader()
    follower.take(quorum=e.take_port(), election=e.take_port())
    t.change("a follower moves its ports", everybody, add=[follower.spec()])
    leader.take(election=e.take_port())
    t.change("the leader moves its election port", everybody, add=[leader.spec()])
    t.checks.check(e.wait_leader() is leader, "and goes on leading", quiet=True)
    leader.kill()
    e.wait_leader([m for m in e if m is not leader])
    leader.spawn()
    e.wait_serving()
    leader = e.wait_leader()
    leader.take(quorum=e.take_port())
    t.change("the leader moves its quorum port", everybody, add=[leader.spec()])
    t.checks.check(e.wait_leader() is not leader, "so another leads", quiet=True)
    follower_of(t, leader)


def move_client_port(t, member, port):
    """Who is connected stays; who comes has to come to the new port."""
    before = member.port
    held = zkwire.Client(member.address, 30)
    line = member.spec(client=port)
    member_at = {m.sid: m.spec().split("=", 1)[1] for m in t.e} | {member.sid: line.split("=", 1)[1]}
    t.change(
        f"the {member.mode()} moves its client port", member_at, during=lambda: member.take(client=port), add=[line]
    )
    t.checks.check(held.exists("/").err == 0, "who was connected stays", quiet=True)
    held.close_session()
    held.close()

    def is_closed():
        try:
            zkwire.four_letter((member.host, before), "ruok", 2)
        except ConnectionRefusedError:
            return True
        return False

    t.checks.check(wait_for(is_closed, "the old client port is closed"), "the old client port is closed", quiet=True)
    conf = member.words("conf")
    t.checks.check(f"clientPort={port}\n" in conf, "conf shows the new one", conf, quiet=True)


def all_members(t):
    """The whole configuration at once, with commas or line ends between its lines."""
    lines = [m.spec() for m in t.e]
    everybody = {m.sid for m in t.e}
    gone = t.other()
    rest = everybody - {gone.sid}
    t.change("all members at once", rest, members=",".join(m.spec() for m in t.e if m is not gone))
    t.change("and again", everybody, members="\n".join(lines))


def without_client_port(t):
    """It is in nobody's configuration any more, and in zoo.cfg again."""
    member = t.other()
    lines = [m.spec() if m is not member else m.spec().split(";")[0] for m in t.e]
    t.change("a line without a client port", {m.sid for m in t.e}, members=",".join(lines))
    t.checks.equal(member.mode(), "follower", "its client port is open", quiet=True)
    member.kill()
    member.spawn()
    t.e.wait_serving()
    t.change("and with it again", {m.sid for m in t.e}, add=[member.spec()])


def changes(t):
    e = t.e
    gone = join_and_leave(t)
    everybody = {m.sid for m in e}
    t.checks.check(gone.sid not in everybody, "it is gone", quiet=True)
    move_leader(t)
    observe_leader(t)
    move_ports(t, everybody)
    spell_anew(t)
    move_client_port(t, t.other(), t.ports[0])
    move_client_port(t, e.wait_leader(), t.ports[1])
    all_members(t)
    if t.kind == "zabd":  # ZooKeeper would have no client port at its next start.
        without_client_port(t)
    t.rejoins("after all changes")


# -- Rights, and where it is off.


def rights(t):
    leader = t.e.wait_leader()
    line = t.other().spec()
    someone = zkwire.Client(leader.address, 30)
    t.checks.equal(request(someone, add=[line]).err, Err.NOAUTH, "refused: no right to write /zookeeper/config")
    t.checks.equal(
        request(someone, add=[line], version=1).err, Err.BADVERSION, "refused: the version, before the right"
    )
    zkwire.ok(someone.add_auth("digest", b"steward:secret"))
    boss = be_super(zkwire.Client(leader.address, 30))
    acl = zkwire.ok(boss.get_acl(CONFIG_PATH)).acl
    steward = zkwire.acl(Perm.WRITE | Perm.READ, "digest", zkwire.digest_id("steward:secret"))
    zkwire.ok(boss.set_acl(CONFIG_PATH, [*acl, steward]))
    t.checks.equal(request(someone, add=[line]).err, 0, "who has the right may")
    t.checks.equal(request(boss, add=[line]).err, 0, "super may")
    for client in (someone, boss):
        client.close_session()
        client.close()


def disabled(t):
    t.refused("reconfigEnabled=false", Err.RECONFIGDISABLED, add=[t.other().spec()])
    t.refused("reconfigEnabled=false, at a follower", Err.RECONFIGDISABLED, at=t.other(), remove=[1])
    text = t.e.wait_config({1, 2, 3})
    t.checks.equal(version_of(text), 0, "and the configuration has no version")
    wrong = [f for m in t.e for f in m.dynamic_files()]
    t.checks.equal(wrong, [], "and nobody writes files")


def disagree(t):
    """1, 2 and 3 may not change the members; 4 and 5 may, and one of these leads. Were its changes nothing to the three
    (as they are to ZooKeeper), they would be a quorum of their own in the end."""
    e = t.e
    three, two = [e[1], e[2], e[3]], [e[4], e[5]]
    while (leader := e.wait_leader()) not in two:
        leader.kill()
        e.wait_leader(e.alive())
        leader.spawn()
        e.wait_serving()
    for m in three:
        t.change(f"{m} leaves", {o.sid for o in e} - {m.sid}, at=three[-1], remove=[m.sid])
        e.retire(m)
    t.load.wait_answers(50)
    t.load.rest()
    e.wait_level()
    for m in two:
        m.kill()
    for m in three:
        m.spawn()
    for m in three:
        t.checks.check(m.wait_exit(30) != 0, f"{m} is no member any more, and does not start")
    e.start()
    t.load.go_on()
    t.rejoins("who may")


def with_disagreement(checks, rng, what):
    e, _, _, _ = ready(["zabd"] * 5, (), properties=SKIP_ACL)
    for m in e:
        m.extra.append(f"reconfigEnabled={'true' if m.sid > 3 else 'false'}")
    play(checks, rng, what, e, disagree)


# -- One server grows, and shrinks.


def grow_and_shrink(t):
    e = t.e
    two = e.join(t.kind, t.joiners[0])
    t.change("one becomes two", {1, 2}, at=two, add=[two.spec()])
    three = e.join(t.kind, t.joiners[1])
    t.change("two become three", {1, 2, 3}, add=[three.spec()])
    t.rejoins("three")
    leader = e.wait_leader()
    t.change("the leader leaves", {m.sid for m in e} - {leader.sid}, remove=[leader.sid])
    e.retire(leader)
    follower = t.other()
    last = e.wait_leader()
    t.change("the follower leaves", {last.sid}, remove=[follower.sid])
    e.retire(follower)
    t.checks.check(e.wait_leader() is last, "one is left, and leads")
    t.refused("the last leaves", Err.BADARGUMENTS, remove=[last.sid])
    t.rejoins("one")


# -- Who dies meanwhile.


def crashes(t, rng, rounds):
    """Some server dies when a reconfig was just asked for; it comes to pass everywhere, or nowhere."""
    e = t.e
    for _ in range(rounds):
        before = e.wait_config({1, 2, 3, 4, 5})
        member = rng.choice(e.members)
        was_observer = lines_of(before)[member.sid].split(";")[0].endswith("observer")
        line = member.spec("participant" if was_observer else "observer")
        victim = rng.choice([e.wait_leader(), rng.choice(e.members)])
        client = zkwire.Client(rng.choice([m for m in e if m is not victim]).address, 30)
        t.load.wait_answers(20)
        client.send(client.next_xid(), Op.RECONFIG, line, None, None, -1)
        time.sleep(rng.uniform(0, 0.01))
        victim.kill()
        try:
            answered = client.recv(20).err == 0
        except (zkwire.Closed, TimeoutError, OSError):
            answered = False
        client.close()
        victim.spawn()
        e.wait_serving()
        text = e.wait_config({1, 2, 3, 4, 5})
        now = lines_of(text)[member.sid].split(";")[0].endswith("observer")
        t.checks.check(
            now != was_observer or not answered, "an answered reconfig outlives a crash", (before, text), quiet=True
        )
        t.files(text, "after a crash")
        t.load.wait_all_answered()


# -- kazoo.

KAZOO = """
import sys
from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError
hosts, joining, leaving, full = sys.argv[1:]
zk = KazooClient(hosts=hosts, timeout=20.0)
zk.start(timeout=30)
data, stat = zk.reconfig(joining=joining, leaving=None, new_members=None)
assert joining.encode() in data, data
try:
    zk.reconfig(joining=None, leaving=leaving, new_members=None, from_config=1)
    raise AssertionError("no BadVersion")
except BadVersionError:
    pass
version = int(data.decode().rsplit("version=", 1)[1], 16)
data, stat = zk.reconfig(joining=None, leaving=leaving, new_members=None, from_config=version)
assert ("server." + leaving + "=").encode() not in data, data
data, stat = zk.reconfig(joining=None, leaving=None, new_members=full)
assert zk.get("/zookeeper/config")[0] == data
zk.stop()
"""


def with_kazoo(t, python):
    e = t.e
    four = e.join(t.kind, t.joiners[0])
    hosts = ",".join(f"{host}:{port}" for host, port in e.addresses())
    full = ",".join(m.spec() for m in e if m is not four)
    gone = t.other(four)
    command = [python, "-c", KAZOO, hosts, four.spec(), str(gone.sid), full]
    done = subprocess.run(command, capture_output=True, text=True)
    t.checks.check(done.returncode == 0, "kazoo's reconfig", done.stderr[-500:])
    t.files(e.wait_config({1, 2, 3}), "after kazoo's")
    e.retire(four)


# -- zabd and ZooKeeper.


def let_lead(t, kind):
    """Others die until one of this kind leads."""
    e = t.e
    leader = e.wait_leader()
    if leader.kind == kind:
        return
    t.load.rest()
    e.wait_level()
    last = max(m.sid for m in e if m.kind == kind)
    dead = [m for m in e if m.sid > last or m is leader]
    for m in dead:
        m.kill()
    e.wait_leader([m for m in e if m not in dead])
    for m in dead:
        m.spawn()
    e.wait_serving()
    t.load.go_on()
    t.checks.equal(e.wait_leader().kind, kind, f"{NAMES[kind]} leads")


def mixed(t, rng, kinds):
    """One of each kind joins; each kind leads, and is told to change others and itself."""
    e = t.e
    for kind, joiner in zip(kinds, t.joiners):
        joiner.become(kind)
        e.join(kind, joiner)
        t.change(f"{NAMES[kind]} joins", {m.sid for m in e}, at=joiner, add=[joiner.spec()])
    everybody = {m.sid for m in e}
    for kind in ("zabd", "zk", "zabd"):
        let_lead(t, kind)
        leader = e.wait_leader()
        where = f"{NAMES[kind]} leads"
        for other in sorted({m.kind for m in e if m is not leader}):
            follower = rng.choice([m for m in e if m is not leader and m.kind == other])
            t.change(f"{where}: {follower} observes", everybody, add=[follower.spec("observer")])
            t.change(f"{where}: {follower} votes", everybody, at=follower, add=[follower.spec()])
            follower.take(quorum=e.take_port(), election=e.take_port())
            t.change(f"{where}: {follower} moves its ports", everybody, add=[follower.spec()])
        t.checks.check(e.wait_leader() is leader, f"{where} all the time", quiet=True)
        t.change(f"{where}: it leaves", everybody - {leader.sid}, remove=[leader.sid])
        t.change(f"{where} no longer: it comes again", everybody, add=[leader.spec()])
    t.rejoins("both kinds")


def spell_anew(t):
    """The leader's host is spelled in another way. ZooKeeper compares where that leads to, and zabd the texts: it lets
    another lead, which is no harm."""
    for kind in sorted({m.kind for m in t.e}):
        let_lead(t, kind)
        leader = t.e.wait_leader()
        leader.hosts_in_line = ["localhost" if leader.hosts_in_line == [leader.host] else leader.host]
        t.change(f"{NAMES[kind]} leads: its host is {leader.hosts_in_line}", {m.sid for m in t.e}, add=[leader.spec()])


def mixed_ports(t):
    for kind in ("zabd", "zk"):
        member = next(m for m in t.e if m.kind == kind)
        move_client_port(t, member, t.ports.pop())
    all_members(t)


# -- IPv6, and several addresses a server.

LOOPBACK_6 = "[::1]"


def reach(t, members):
    """Each of these is left by a restart, and found again by the addresses that it has now."""
    for m in members:
        t.load.wait_answers(20)
        m.kill()
        t.e.wait_leader([other for other in t.e if other is not m])
        m.spawn()
        t.e.wait_serving()
    t.load.wait_all_answered()


def addresses(t):
    """The three that begin are at an IPv6 address each, and at another. A fourth joins, at two."""
    e = t.e
    four = t.joiners[0]
    everybody = {1, 2, 3, 4}
    t.change("a server of two addresses joins", everybody, add=[e.join(four.kind, four).spec()])
    for kind in sorted({m.kind for m in e}):
        let_lead(t, kind)
        leader, follower = e.wait_leader(), t.other()
        for m, role in ((follower, "a follower"), (leader, "the leader")):
            where = f"{NAMES[kind]} leads: {role}, {m},"
            m.hosts_in_line = [LOOPBACK_6]
            t.change(f"{where} loses an address", everybody, add=[m.spec()])
            m.hosts_in_line = ["127.0.0.2", LOOPBACK_6, "127.0.0.1"]
            t.change(f"{where} gets two more", everybody, add=[m.spec()])
        reach(t, [follower, leader])
    four.is_observer = True
    t.change("a server of two addresses observes", everybody, add=[four.spec()])
    wait_for(lambda: four.mode() == "observer", "it observes")
    for addresses_of_nobody in ("::1:1:2", "[::1:1:2", "[::1]:1", "[::1]:1:2|", "|[::1]:1:2"):
        line = f"server.9={addresses_of_nobody}:participant;3"
        t.refused(f"add {line}", Err.BADARGUMENTS, add=[line])
    t.change("it leaves", everybody - {4}, remove=[4])
    e.retire(four)
    t.rejoins("several addresses")


def with_addresses(checks, rng, what, kinds, joiner):
    """run() of addresses(). One that joins serves its clients at IPv6, too."""
    e, made, _, future = ready(kinds, [joiner], properties={**SKIP_ACL, "zookeeper.multiAddress.enabled": "true"})
    for m in [*e, *made]:
        m.hosts_in_line = [f"127.0.0.{m.sid}", LOOPBACK_6]
    made[0].host = LOOPBACK_6.strip("[]")
    future = e.addresses(made)

    def acting(t):
        t.joiners, t.kind = made, kinds[0]
        addresses(t)

    play(checks, rng, what, e, acting, future)


def refusals(t):
    errors(t)
    in_progress(t)


def all_of_mixed(t, rng, kinds):
    mixed(t, rng, kinds)
    spell_anew(t)
    mixed_ports(t)


def trials(args, checks, rng, kazoo):
    kind = "zk" if args.zookeeper else "zabd"
    three = [kind] * 3
    yield "what is refused", lambda w: run(checks, rng, w, refusals, three)
    yield "changes", lambda w: run(checks, rng, w, changes, three, three[:2], 2)
    config = ["standaloneEnabled=false"]
    yield "from one to three and back", lambda w: run(
        checks, rng, w, grow_and_shrink, [kind], three[:2], config=config
    )
    yield "rights", lambda w: run(checks, rng, w, rights, three, properties=SUPER_PROPERTY)
    yield "switched off", lambda w: run(checks, rng, w, disabled, three, config=["reconfigEnabled=false"])
    yield "several addresses", lambda w: with_addresses(checks, rng, w, three, kind)
    if kind == "zabd":
        yield "some may not", lambda w: with_disagreement(checks, rng, w)
    rounds = 2 if args.quick else 40
    yield "crashes", lambda w: run(checks, rng, w, lambda t: crashes(t, rng, rounds), [kind] * 5)
    if kazoo:
        yield "kazoo", lambda w: run(checks, rng, w, lambda t: with_kazoo(t, kazoo), three, [kind])
    if args.only == "mixed" or not (args.quick or args.zookeeper):
        if not args.quick:
            mixture = ["zabd", "zk", "zabd"]
            yield "mixed, several addresses", lambda w: with_addresses(checks, rng, w, mixture, "zk")
        pure, both = [["zabd"] * 3, ["zk"] * 3], [["zabd", "zk", "zabd"], ["zk", "zabd", "zk"]]
        for kinds in pure if args.quick else pure + both:
            joiners = ["zk", "zabd"] if kinds[0] == "zabd" else ["zabd", "zk"]
            what = f"mixed, {'-'.join(kinds)} and {'-'.join(joiners)}"
            yield what, lambda w, k=kinds, j=joiners: run(
                checks, rng, w, lambda t: all_of_mixed(t, rng, j), k, j, 2, tick_ms=1000
            )


def options(p):
    p.add_argument("--only", help="trials whose name contains this; mixed: those with ZooKeeper, also with --quick")
    p.add_argument("--zookeeper", action="store_true", help="the same of ZooKeeper: what it is that zabd is held to")


def main():
    kazoo = []

    def fetch():
        if "--quick" not in sys.argv or "mixed" in sys.argv:
            proof.fetch_zookeeper()
        command, why = kazoo_command()
        kazoo.append(command[0] if command else None)

    args, checks, rng = proof.begin(__doc__, options, fetch)
    if not kazoo[0]:
        checks.skip("kazoo is not installed")
    for name, act in trials(args, checks, rng, kazoo[0]):
        if not args.only or args.only in name:
            act(name)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
