// Watches: each kind, what fires it, and what does not.

"use strict";

const { CODES, Events, same, holds, fails, eventually } = require("./questions.js");

async function two(asker) {
    return [await asker.client(), await asker.client()];
}

async function a_data_watch_fires_once_for_a_change(asker) {
    const [zk, other] = await two(asker);
    const [first, second] = [new Events(), new Events()];
    await zk.create("/a", null);
    await zk.get("/a", first.watcher);
    await zk.set("/a", null, -1);
    await first.hears("changed /a");
    await zk.get("/a", second.watcher);
    await other.set("/a", null, -1);
    await second.hears("changed /a");
    await other.set("/a", null, -1);
    await zk.settle();
    same([first.seen.length, second.seen.length], [1, 1], "how often they fired");
}

async function a_data_watch_fires_for_a_deletion(asker) {
    const zk = await asker.client();
    const [data, exists] = [new Events(), new Events()];
    await zk.create("/a", null);
    await zk.get("/a", data.watcher);
    await zk.exists("/a", exists.watcher);
    await zk.create("/a/child", null);
    await zk.setAcl("/a", (await zk.getAcl("/a")).acl, -1);
    await zk.remove("/a/child", -1);
    await zk.settle();
    same(data.seen, [], "events of what is not the node's data");
    await zk.remove("/a", -1);
    await data.hears("deleted /a");
    await exists.hears("deleted /a");
}

async function an_exists_watch_sees_the_creation(asker) {
    const [zk, other] = await two(asker);
    const events = new Events();
    same(await zk.exists("/a", events.watcher), null, "a node before its creation");
    await other.create("/a", null);
    await events.hears("created /a");
    await zk.exists("/a", events.watcher);
    await other.set("/a", null, -1);
    await events.hears("created /a", "changed /a");
    await zk.exists("/a", events.watcher);
    await other.remove("/a", -1);
    await events.hears("created /a", "changed /a", "deleted /a");
}

async function a_failed_get_leaves_no_watch(asker) {
    const [zk, other] = await two(asker);
    const [events, marker] = [new Events(), new Events()];
    await fails(CODES.NO_NODE, zk.get("/a", events.watcher), "watch the data of nothing");
    await fails(CODES.NO_NODE, zk.children("/a", events.watcher), "watch the children of nothing");
    await zk.exists("/marker", marker.watcher);
    await other.create("/a", null);
    await other.create("/marker", null);
    await marker.hears("created /marker");
    same(events.seen, [], "events of a watch that was not set");
}

async function a_child_watch_fires_for_creation_and_deletion(asker) {
    const [zk, other] = await two(asker);
    const events = new Events();
    await other.create("/p", null);
    await zk.settle();
    await zk.children("/p", events.watcher);
    await other.set("/p", null, -1);
    await other.create("/p/a", null);
    await events.hears("child /p");
    await zk.children("/p", events.watcher);
    await other.set("/p/a", null, -1);
    await other.create("/p/a/grandchild", null);
    await other.remove("/p/a/grandchild", -1);
    await zk.settle();
    await events.hears("child /p");
    await other.remove("/p/a", -1);
    await events.hears("child /p", "child /p");
}

async function data_and_child_watch_both_hear_the_deletion(asker) {
    const [zk, other] = await two(asker);
    const [data, children] = [new Events(), new Events()];
    await other.create("/p", null);
    await zk.settle();
    await zk.get("/p", data.watcher);
    await zk.children("/p", children.watcher);
    await other.remove("/p", -1);
    await data.hears("deleted /p");
    await children.hears("deleted /p");
}

async function an_event_comes_before_the_reply_that_shows_it(asker) {
    const [zk, other] = await two(asker);
    await other.create("/a", Buffer.from("0"));
    await zk.settle();
    for (let i = 1; i <= 50; i++) {
        const events = new Events();
        await zk.get("/a", events.watcher);
        const setting = other.set("/a", Buffer.from(String(i)), -1);
        await eventually("the new data", async () => (await zk.get("/a")).data.toString() === String(i));
        same(events.seen, ["changed /a"], "what was heard before the new data was shown");
        await setting;
    }
}

async function a_hundred_watchers_of_one_node_all_hear(asker) {
    const clients = await Promise.all([0, 1, 2, 3].map(() => asker.client()));
    await clients[0].create("/a", null);
    await Promise.all(clients.map((zk) => zk.settle()));
    const all = Array.from({ length: 100 }, () => new Events());
    await Promise.all(all.map((events, i) => clients[i % 4].get("/a", events.watcher)));
    await clients[0].set("/a", null, -1);
    for (const events of all) await events.hears("changed /a");
}

async function a_transactions_events_come_for_each_operation(asker) {
    const [zk, other] = await two(asker);
    const [changed, created, children] = [new Events(), new Events(), new Events()];
    await other.create("/p", null);
    await other.create("/p/a", null);
    await zk.settle();
    await zk.get("/p/a", changed.watcher);
    await zk.exists("/p/b", created.watcher);
    await zk.children("/p", children.watcher);
    await other.transaction([
        ["set", "/p/a", Buffer.from("1")],
        ["create", "/p/b", null, 0],
        ["remove", "/p/a"],
    ]);
    await changed.hears("changed /p/a");
    await created.hears("created /p/b");
    await children.hears("child /p");
}

async function watches_hear_what_they_missed_after_a_reconnect(asker) {
    const relay = await asker.relay();
    const [zk, other] = [await asker.client({ connect: relay.address }), await asker.client()];
    const heard = {};
    for (const name of ["changed", "deleted", "created", "parent", "quiet", "never"]) heard[name] = new Events();
    for (const name of ["/changed", "/deleted", "/parent", "/quiet"]) await other.create(name, null);
    await zk.settle();
    await zk.get("/changed", heard.changed.watcher);
    await zk.get("/deleted", heard.deleted.watcher);
    await zk.exists("/created", heard.created.watcher);
    await zk.children("/parent", heard.parent.watcher);
    await zk.get("/quiet", heard.quiet.watcher);
    await zk.exists("/never", heard.never.watcher);
    await zk.settle(); // A client may know only from a later reply how far it has seen.
    relay.refuse();
    await other.set("/changed", null, -1);
    await other.remove("/deleted", -1);
    await other.create("/created", null);
    await other.create("/parent/child", null);
    relay.accept();
    await heard.changed.hears("changed /changed");
    await heard.deleted.hears("deleted /deleted");
    await heard.created.hears("created /created");
    await heard.parent.hears("child /parent");
    same([heard.quiet.seen, heard.never.seen], [[], []], "events of what did not change");
    await other.set("/quiet", null, -1);
    await heard.quiet.hears("changed /quiet");
    await other.create("/never", null);
    await heard.never.hears("created /never");
    holds(!zk.states.includes("expired"), "the session expired");
}

async function a_thousand_watches_survive_a_reconnect(asker) {
    const relay = await asker.relay();
    const [zk, other] = [await asker.client({ connect: relay.address }), await asker.client()];
    const all = Array.from({ length: 1000 }, () => new Events());
    await Promise.all(all.map((events, i) => zk.exists(`/a-name-that-fills-some-room-${i}`, events.watcher)));
    await zk.settle();
    relay.refuse();
    await other.create("/a-name-that-fills-some-room-0", null);
    relay.accept();
    await all[0].hears("created /a-name-that-fills-some-room-0");
    await other.create("/a-name-that-fills-some-room-999", null);
    await all[999].hears("created /a-name-that-fills-some-room-999");
    same(all.filter((events) => events.seen.length > 0).length, 2, "how many heard something");
}

module.exports = (can) => ({
    questions: [
        a_data_watch_fires_once_for_a_change,
        a_data_watch_fires_for_a_deletion,
        an_exists_watch_sees_the_creation,
        a_failed_get_leaves_no_watch,
        a_child_watch_fires_for_creation_and_deletion,
        data_and_child_watch_both_hear_the_deletion,
        an_event_comes_before_the_reply_that_shows_it,
        a_hundred_watchers_of_one_node_all_hear,
        ...(can.transactions ? [a_transactions_events_come_for_each_operation] : []),
        watches_hear_what_they_missed_after_a_reconnect,
        a_thousand_watches_survive_a_reconnect,
    ],
});
