"""Reconnects, re-attaching, expiry and the loss of a session."""

import os
import time

from kazoo.exceptions import SessionExpiredError
from kazoo.protocol.states import KazooState

from client import States
from questions import eventually, holds, same


def a_reconnect_keeps_session_and_ephemerals(asker):
    relay, other = asker.relay(), asker.client()
    zk = asker.client(connect=relay.address)
    states = States(zk)
    identity = zk.client_id
    zk.create("/e", b"1", ephemeral=True)
    created = zk.exists("/e").czxid
    for _ in range(3):
        del states.seen[:]
        relay.cut()
        states.wait_for_reconnect()
        same(zk.client_id, identity)
    same(other.exists("/e").czxid, created)
    zk.set("/e", b"2")
    holds(KazooState.LOST not in states.seen, "the session was lost")


def requests_wait_for_the_reconnect(asker):
    relay = asker.relay()
    zk = asker.client(connect=relay.address)
    zk.create("/a", b"0")
    relay.cut()
    zk.retry(zk.set, "/a", b"1")
    same(zk.get("/a")[0], b"1")


def a_session_is_taken_over_with_its_password(asker):
    relay, other = asker.relay(), asker.client()
    first = asker.client(connect=relay.address)
    states = States(first)
    first.create("/e", ephemeral=True)
    identity = first.client_id
    relay.shut()  # The first can't come back, or both would fight for the session.
    second = asker.client(client_id=identity)
    same(second.client_id, identity)
    states.wait_for(KazooState.SUSPENDED)  # The server has let it go.
    same(other.exists("/e").ephemeralOwner, identity[0])
    second.stop()
    other.sync("/")
    same(other.exists("/e"), None)
    relay.accept()
    states.wait_for(KazooState.LOST)


def a_wrong_password_opens_no_session(asker):
    owner, other = asker.client(), asker.client()
    owner.create("/e", ephemeral=True)
    session = owner.client_id[0]
    stranger = asker.client(client_id=(session, os.urandom(16)))
    holds(stranger.client_id[0] != session, "the session was taken with a wrong password")
    # The server may have ended the owner's connection, but not its session.
    same(other.exists("/e").ephemeralOwner, session)
    same(owner.retry(owner.exists, "/e").ephemeralOwner, session)


def an_unknown_session_is_told_that_it_expired(asker):
    zk = asker.client(client_id=(0x1234567890ABCDE, b"p" * 16))
    holds(zk.client_id[0] != 0x1234567890ABCDE, "a session came from nowhere")


def a_silent_session_expires(asker):
    relay, other, gone = asker.relay(), asker.client(), []
    zk = asker.client(connect=relay.address, timeout=3.0)
    states = States(zk)
    session = zk.client_id[0]
    zk.create("/e", ephemeral=True)
    other.exists("/e", watch=lambda event: gone.append((event.type, time.monotonic())))
    cut = time.monotonic()
    relay.refuse()
    eventually(lambda: gone, "the end of the ephemeral")
    same(gone[0][0], "DELETED")
    # The last sign of life may have come up to one ping interval (1 s) before the cut.
    holds(gone[0][1] - cut > 1.5, "expired %.1f s after the cut" % (gone[0][1] - cut))
    relay.accept()
    states.wait_for(KazooState.LOST)
    eventually(lambda: zk.state == KazooState.CONNECTED, "a new session")
    holds(zk.client_id[0] != session, "the expired session came back")
    same(zk.exists("/e"), None)
    zk.create("/e", ephemeral=True)


def an_idle_session_lives_by_its_pings(asker):
    zk = asker.client(timeout=1.5)
    states = States(zk)
    zk.create("/e", ephemeral=True)
    time.sleep(4)  # More than twice the timeout: the passing of time is the question here.
    same(states.seen, [])
    same(zk.exists("/e").ephemeralOwner, zk.client_id[0])


def pending_requests_of_a_lost_session_fail(asker):
    relay = asker.relay()
    zk = asker.client(connect=relay.address, timeout=2.0)
    states = States(zk)
    relay.refuse()
    states.wait_for(KazooState.SUSPENDED)
    pending = zk.create_async("/a")
    thief = asker.client(client_id=(zk._session_id, zk._session_passwd))
    thief.stop()
    relay.accept()
    states.wait_for(KazooState.LOST)
    try:
        pending.get(timeout=10)
    except SessionExpiredError:
        return
    # kazoo hands a request that it had not sent yet to the next session.
    same(zk.exists("/a") is not None, True, "neither an error nor the node")


def a_client_can_be_restarted(asker):
    zk = asker.client()
    first = zk.client_id[0]
    zk.create("/e", ephemeral=True)
    zk.restart()
    holds(zk.client_id[0] != first, "the closed session came back")
    same(zk.exists("/e"), None)


QUESTIONS = [
    a_reconnect_keeps_session_and_ephemerals,
    requests_wait_for_the_reconnect,
    a_session_is_taken_over_with_its_password,
    a_wrong_password_opens_no_session,
    an_unknown_session_is_told_that_it_expired,
    a_silent_session_expires,
    an_idle_session_lives_by_its_pings,
    pending_requests_of_a_lost_session_fail,
    a_client_can_be_restarted,
]
