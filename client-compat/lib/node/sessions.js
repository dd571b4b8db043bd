// Reconnects, taking a session over, expiry and the loss of a session.

"use strict";

const q = require("./questions.js");
const { Events, MODES, same, holds, eventually, insist, ownerOf } = q;

async function cutAndReconnect(relay, zk) {
    const before = zk.states.length;
    relay.cut();
    await eventually("a reconnect", () => zk.states.slice(before).includes("connected"));
}

async function a_reconnect_keeps_session_and_ephemerals(asker) {
    const relay = await asker.relay();
    const [zk, other] = [await asker.client({ connect: relay.address }), await asker.client()];
    const session = zk.session;
    await zk.create("/e", null, MODES.EPHEMERAL);
    const { czxid } = await zk.exists("/e");
    for (let i = 0; i < 3; i++) {
        await cutAndReconnect(relay, zk);
        same(zk.session, session, "the session after a reconnect");
    }
    await other.settle();
    same((await other.exists("/e")).czxid, czxid, "the ephemeral's creation");
    await zk.set("/e", null, -1);
}

async function a_request_of_a_lost_connection_may_be_repeated(asker) {
    const relay = await asker.relay();
    const zk = await asker.client({ connect: relay.address });
    await zk.create("/a", null);
    for (let i = 0; i < 3; i++) {
        relay.cut();
        await insist("a set after a cut", () => zk.set("/a", Buffer.from(String(i)), -1));
        same((await zk.get("/a")).data.toString(), String(i), "the data");
    }
}

async function a_session_is_taken_over_with_its_password(asker) {
    const relay = await asker.relay();
    const [first, other] = [await asker.client({ connect: relay.address }), await asker.client()];
    const session = first.session;
    first.mayExpire = true;
    await first.create("/e", null, MODES.EPHEMERAL);
    relay.shut(); // The first can't come back, or both would fight for the session.
    const before = first.states.length;
    const second = await asker.client({ session });
    same(second.session, session, "the session taken over");
    // The server that the first is connected to need not notice before the first asks for something.
    first.set("/e", null, -1).catch(() => {});
    await eventually("the first one's end", () => first.states.slice(before).includes("disconnected"));
    await other.settle();
    same((await other.exists("/e")).ephemeralOwner, ownerOf(session), "the ephemeral's owner");
    await second.close();
    await eventually("the ephemeral's end", async () => {
        await other.settle();
        return (await other.exists("/e")) === null;
    });
    relay.accept();
    await eventually("word of the expiry", () => first.states.includes("expired"));
}

async function a_wrong_password_opens_no_session(asker) {
    const [zk, other] = [await asker.client(), await asker.client()];
    await zk.create("/e", null, MODES.EPHEMERAL);
    const { id, password } = zk.session;
    const wrong = (parseInt(password[0], 16) ^ 1).toString(16) + password.slice(1);
    const stranger = asker.open({ session: { id, password: wrong } });
    stranger.mayExpire = true;
    await eventually("a refusal", () => stranger.states.includes("expired"));
    await other.settle();
    same((await other.exists("/e")).ephemeralOwner, ownerOf(zk.session), "the ephemeral's owner");
    // The server may have ended the owner's connection, but not its session.
    await insist("the owner's request", () => zk.set("/e", null, -1));
    same(zk.session.id, id, "the owner's session");
}

async function an_unknown_session_is_told_that_it_expired(asker) {
    const zk = asker.open({ session: { id: "1234567890abcde", password: "70".repeat(16) } });
    zk.mayExpire = true;
    await eventually("word of the expiry", () => zk.states.includes("expired"));
    holds(!zk.states.includes("connected"), "a session came from nowhere");
}

async function a_silent_session_expires(asker) {
    const relay = await asker.relay();
    const [zk, other] = [await asker.client({ connect: relay.address, timeout: 3000 }), await asker.client()];
    zk.mayExpire = true;
    const gone = new Events();
    await zk.create("/e", null, MODES.EPHEMERAL);
    await other.settle();
    await other.exists("/e", gone.watcher);
    const start = Date.now();
    relay.refuse();
    await gone.hears("deleted /e");
    // The last sign of life may have come up to one ping interval (1 s) before the cut.
    holds(Date.now() - start > 1500, "expired too early");
    relay.accept();
    await eventually("word of the expiry", () => zk.states.includes("expired"));
}

async function an_idle_session_lives_by_its_pings(asker) {
    const [zk, other] = [await asker.client({ timeout: 2000 }), await asker.client()];
    await zk.create("/e", null, MODES.EPHEMERAL);
    await q.pause(5000); // More than twice the timeout: the passing of time is the question here.
    same(zk.states, ["connected"], "the states it came into");
    await other.settle();
    same((await other.exists("/e")).ephemeralOwner, ownerOf(zk.session), "the ephemeral's owner");
}

module.exports = () => ({
    questions: [
        a_reconnect_keeps_session_and_ephemerals,
        a_request_of_a_lost_connection_may_be_repeated,
        a_session_is_taken_over_with_its_password,
        a_wrong_password_opens_no_session,
        an_unknown_session_is_told_that_it_expired,
        a_silent_session_expires,
        an_idle_session_lives_by_its_pings,
    ],
});
