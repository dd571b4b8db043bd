"""Reconnects, re-attaching, expiry and the loss of a session."""

import asyncio
import os

from aiozk.states import States

from client import Events, eventually
from questions import holds, same


async def a_reconnect_keeps_session_and_ephemerals(asker):
    relay, other = asker.relay(), await asker.client()
    zk = await asker.client(connect=relay.address)
    identity = zk.identity
    await zk.create("/e", b"1", ephemeral=True)
    created = (await zk.stat("/e")).created_zxid
    for _ in range(3):
        relay.cut()
        await zk.session.state.wait_for(States.SUSPENDED)
        await zk.session.state.wait_for(States.CONNECTED)
        same(zk.identity, identity)
    await other.sync()
    same((await other.stat("/e")).created_zxid, created)
    await zk.set("/e", b"2", -1)
    holds(States.LOST not in zk.states, "the session was lost")


async def requests_wait_for_the_reconnect(asker):
    relay = asker.relay()
    zk = await asker.client(connect=relay.address)
    await zk.create("/a", b"0")
    relay.cut()
    await zk.set("/a", b"1", -1)
    same(await zk.get_data("/a"), b"1")


async def a_session_is_taken_over_with_its_password(asker):
    relay, other = asker.relay(), await asker.client()
    first = await asker.client(connect=relay.address)
    await first.create("/e", ephemeral=True)
    identity = first.identity
    relay.shut()  # The first can't come back, or both would fight for the session.
    second = await asker.client(identity=identity)
    same(second.identity, identity)
    await other.sync()
    same((await other.stat("/e")).ephemeral_owner, identity[0])
    await second.close()
    await other.sync()
    same(await other.exists("/e"), False)


async def a_wrong_password_opens_no_session(asker):
    owner, other = await asker.clients(2)
    await owner.create("/e", ephemeral=True)
    session = owner.identity[0]
    stranger = await asker.client(identity=(session, os.urandom(16)))
    holds(stranger.identity[0] != session, "the session was taken with a wrong password")
    await other.sync()
    same((await other.stat("/e")).ephemeral_owner, session)
    same((await owner.stat("/e")).ephemeral_owner, session)


async def an_unknown_session_is_told_that_it_expired(asker):
    zk = await asker.client(identity=(0x1234567890ABCDE, b"p" * 16))
    holds(zk.identity[0] != 0x1234567890ABCDE, "a session came from nowhere")


async def a_silent_session_expires(asker):
    relay, other = asker.relay(), await asker.client()
    zk = await asker.client(connect=relay.address, timeout=3.0)
    session = zk.identity[0]
    await zk.create("/e", ephemeral=True)
    gone = Events(other, "/e")
    await other.sync()
    await other.exists("/e", watch=True)
    cut = asyncio.get_running_loop().time()
    relay.refuse()
    await gone.wait_for("DELETED")
    took = asyncio.get_running_loop().time() - cut
    # The last sign of life may have come up to one ping interval (1 s) before the cut.
    holds(took > 1.5, "expired %.1f s after the cut" % took)
    relay.accept()
    await zk.session.state.wait_for(States.LOST)
    await eventually(lambda: zk.is_connected, "a new session", 30)
    holds(zk.identity[0] != session, "the expired session came back")
    same(await zk.exists("/e"), False)
    await zk.create("/e", ephemeral=True)


async def an_idle_session_lives_by_its_pings(asker):
    zk = await asker.client(timeout=1.5)
    await zk.create("/e", ephemeral=True)
    await asyncio.sleep(4)  # More than twice the timeout: the passing of time is the question here.
    same(zk.states, [States.CONNECTED])
    same((await zk.stat("/e")).ephemeral_owner, zk.identity[0])


async def a_session_that_is_closed_elsewhere_is_lost(asker):
    relay = asker.relay()
    zk = await asker.client(connect=relay.address)
    identity = zk.identity
    relay.refuse()
    await zk.session.state.wait_for(States.SUSPENDED)
    thief = await asker.client(identity=identity)
    same(thief.identity, identity)
    await thief.close()
    relay.accept()
    await zk.session.state.wait_for(States.LOST)
    await eventually(lambda: zk.is_connected, "a new session", 30)
    holds(zk.identity[0] != identity[0], "the closed session came back")


async def a_client_can_be_restarted(asker):
    zk = await asker.client()
    await zk.create("/e", ephemeral=True)
    await zk.close()
    again = await asker.client()
    holds(again.identity[0] != zk.identity[0], "the closed session came back")
    await again.sync()
    same(await again.exists("/e"), False)


QUESTIONS = [
    a_reconnect_keeps_session_and_ephemerals,
    requests_wait_for_the_reconnect,
    a_session_is_taken_over_with_its_password,
    a_wrong_password_opens_no_session,
    an_unknown_session_is_told_that_it_expired,
    a_silent_session_expires,
    an_idle_session_lives_by_its_pings,
    a_session_that_is_closed_elsewhere_is_lost,
    a_client_can_be_restarted,
]
