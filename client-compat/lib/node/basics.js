// Connecting, reading and writing, sequences, ephemerals, transactions.

"use strict";

const q = require("./questions.js");
const { CODES, MODES, same, holds, fails, eventually } = q;

const { EPHEMERAL, SEQUENTIAL, EPHEMERAL_SEQUENTIAL, CONTAINER, PERSISTENT } = MODES;

async function a_client_connects(asker) {
    const zk = await asker.client();
    holds(/^0*[1-9a-f][0-9a-f]*$/.test(zk.session.id), `the session's id is ${zk.session.id}`);
    holds(/^[0-9a-f]{32}$/i.test(zk.session.password), "no password of 16 bytes");
    holds(!/^0*$/.test(zk.session.password), "a password of zeros");
    same(zk.timeout, asker.Client.can.timeout, "the timeout");
}

async function a_session_timeout_is_negotiated(asker) {
    for (const [asked, expected] of [
        [500000, 60000],
        [15000, 15000],
        [10, 1000],
    ]) {
        const zk = await asker.client({ timeout: asked });
        same(zk.timeout, expected, `the timeout for ${asked}`);
        await zk.close();
    }
}

async function a_dead_server_in_the_list_is_skipped(asker) {
    for (let i = 0; i < 3; i++) {
        const zk = await asker.client({ connect: `${await q.deadAddress()},${asker.connect}` });
        await zk.create(`/a${i}`, Buffer.from("1"));
    }
}

async function a_node_is_created_read_set_and_deleted(asker) {
    const zk = await asker.client();
    same(await zk.exists("/a"), null, "a node before its creation");
    same(await zk.create("/a", Buffer.from("one")), "/a", "the new path");
    const { data, stat } = await zk.get("/a");
    same(data.toString(), "one", "data");
    same([stat.version, stat.cversion, stat.aversion, stat.dataLength, stat.numChildren], [0, 0, 0, 3, 0], "stat");
    same([stat.mzxid, stat.pzxid, stat.ephemeralOwner], [stat.czxid, stat.czxid, 0n], "zxids");
    same(stat.mtime, stat.ctime, "times");
    const changed = await zk.set("/a", Buffer.from("three"), 0);
    same([changed.version, changed.dataLength, changed.pzxid], [1, 5, stat.pzxid], "the stat after a set");
    holds(changed.mzxid > stat.mzxid, "mzxid did not rise");
    same(await zk.exists("/a"), changed, "the stat of exists");
    same((await zk.get("/a")).data.toString(), "three", "data after a set");
    await zk.remove("/a", 1);
    same(await zk.exists("/a"), null, "a node after its deletion");
}

async function children_show_in_the_parents_stat(asker) {
    const zk = await asker.client();
    for (const name of ["/p", "/p/a", "/p/b"]) await zk.create(name, null);
    const { names, stat } = await zk.children("/p");
    same(names.sort(), ["a", "b"], "the children");
    same([stat.numChildren, stat.cversion, stat.version], [2, 2, 0], "the parent's stat");
    await zk.create("/p/a/deep", null);
    same(await zk.exists("/p"), stat, "the stat after a grandchild");
    await zk.remove("/p/b", -1);
    const after = await zk.exists("/p");
    same([after.numChildren, after.cversion, after.mzxid], [1, 3, stat.mzxid], "the stat after a child's end");
    holds(after.pzxid > stat.pzxid, "pzxid did not rise");
}

async function wrong_requests_get_their_errors(asker) {
    const zk = await asker.client();
    await zk.create("/a", null);
    await zk.create("/a/b", null);
    await fails(CODES.NODE_EXISTS, zk.create("/a", null), "create what exists");
    await fails(CODES.NO_NODE, zk.create("/x/y", null), "create below nothing");
    await fails(CODES.NO_NODE, zk.get("/x"), "get nothing");
    await fails(CODES.NO_NODE, zk.set("/x", null, -1), "set nothing");
    await fails(CODES.NO_NODE, zk.children("/x"), "children of nothing");
    if (asker.Client.can.failAtAcls) await fails(CODES.NO_NODE, zk.getAcl("/x"), "the ACL of nothing");
    await fails(CODES.NO_NODE, zk.remove("/x", -1), "delete nothing");
    await fails(CODES.BAD_VERSION, zk.remove("/a", 7), "delete another version");
    await fails(CODES.NOT_EMPTY, zk.remove("/a", -1), "delete a parent");
    await fails(CODES.BAD_VERSION, zk.set("/a", null, 1), "set another version");
    await zk.remove("/a/b", 0);
    await zk.set("/a", null, 0);
}

async function data_of_any_kind_comes_back(asker) {
    const zk = await asker.client();
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const kinds = {
        "/bytes": everyByte,
        "/empty": Buffer.alloc(0),
        "/large": Buffer.concat(Array(3900).fill(everyByte)),
        "/f\u00fcnf-\u4e94": Buffer.from("5"),
    };
    for (const [path, data] of Object.entries(kinds)) {
        same(await zk.create(path, data), path, "the new path");
        const got = await zk.get(path);
        holds(data.equals(got.data || Buffer.alloc(0)), `${path} came back changed`);
        same(got.stat.dataLength, data.length, `the length of ${path}`);
    }
    await zk.create("/null", null);
    same((await zk.get("/null")).stat.dataLength, 0, "the length of no data");
    holds((await zk.children("/")).names.includes("f\u00fcnf-\u4e94"), "the name in the parent's list");
}

async function pipelined_requests_are_answered_in_order(asker) {
    const zk = await asker.client();
    const answered = [];
    const path = (i) => `/n${String(i).padStart(3, "0")}`;
    const all = [];
    for (let i = 0; i < 500; i++) {
        all.push(zk.create(path(i), Buffer.from(String(i))).then(() => answered.push(i)));
        all.push(
            zk.get(path(i)).then(({ data }) => {
                same(data.toString(), String(i), "the data");
                answered.push(i + 0.5);
            }),
        );
    }
    await Promise.all(all);
    same(
        answered,
        Array.from({ length: 1000 }, (_, i) => i / 2),
        "the order of the replies",
    );
    same((await zk.children("/")).names.length, 500, "how many nodes there are");
}

async function another_clients_write_is_seen_after_a_sync(asker) {
    const [one, two] = [await asker.client(), await asker.client()];
    await one.create("/a", null);
    for (let i = 0; i < 20; i++) {
        await one.set("/a", Buffer.from(String(i)), -1);
        await two.settle();
        same((await two.get("/a")).data.toString(), String(i), "the data");
    }
}

async function sequence_numbers_never_come_back(asker) {
    const zk = await asker.client();
    await zk.create("/s", null);
    same(await zk.create("/s/n-", null, SEQUENTIAL), "/s/n-0000000000", "the first");
    same(await zk.create("/s/n-", null, EPHEMERAL_SEQUENTIAL), "/s/n-0000000001", "an ephemeral");
    await zk.create("/s/plain", null);
    same(await zk.create("/s/m-", null, SEQUENTIAL), "/s/m-0000000003", "another prefix");
    await zk.remove("/s/m-0000000003", -1);
    same(await zk.create("/s/o-", null, SEQUENTIAL), "/s/o-0000000004", "after a deletion");
    await fails(CODES.NODE_EXISTS, zk.create("/s/plain", null), "create what exists");
    same(await zk.create("/s/n-", null, SEQUENTIAL), "/s/n-0000000005", "after a failure");
}

async function two_clients_never_get_the_same_number(asker) {
    const clients = await Promise.all([0, 1, 2, 3].map(() => asker.client()));
    await clients[0].create("/s", null);
    await Promise.all(clients.map((zk) => zk.settle()));
    const creates = clients.flatMap((zk) => Array.from({ length: 50 }, () => zk.create("/s/n-", null, SEQUENTIAL)));
    same(
        (await Promise.all(creates)).sort(),
        Array.from({ length: 200 }, (_, i) => `/s/n-${String(i).padStart(10, "0")}`),
        "the numbers of all",
    );
}

async function an_ephemeral_ends_with_its_session(asker) {
    const [owner, other] = [await asker.client(), await asker.client()];
    await owner.create("/e", null, EPHEMERAL);
    await other.settle();
    same((await other.exists("/e")).ephemeralOwner, q.ownerOf(owner.session), "the owner");
    await fails(CODES.NO_CHILDREN_FOR_EPHEMERALS, other.create("/e/child", null), "a child of an ephemeral");
    await owner.close();
    await eventually("the ephemeral's end", async () => {
        await other.settle();
        return (await other.exists("/e")) === null;
    });
}

async function a_container_goes_when_its_last_child_goes(asker) {
    const zk = await asker.client();
    await zk.create("/c", null, CONTAINER);
    await zk.create("/kept", null, CONTAINER);
    await zk.create("/c/child", null);
    await zk.remove("/c/child", -1);
    await eventually("the container's end", async () => (await zk.exists("/c")) === null);
    holds((await zk.exists("/kept")) !== null, "a container that never had a child is gone");
}

async function a_ttl_node_goes_after_its_time(asker) {
    const zk = await asker.client();
    const start = Date.now();
    await zk.createTtl("/t", null, 5, 1500);
    same(await zk.createTtl("/s-", null, 6, 1500), "/s-0000000001", "the numbered path");
    await eventually("the nodes' end", async () => (await zk.children("/")).names.length === 0);
    holds(Date.now() - start > 1400, "reaped before their time");
}

async function a_transaction_happens_as_a_whole(asker) {
    const zk = await asker.client();
    await zk.create("/gone", null);
    await zk.create("/counted", Buffer.from("0"));
    const results = await zk.transaction([
        ["create", "/a", Buffer.from("1"), PERSISTENT],
        ["create", "/a/s-", null, SEQUENTIAL],
        ["create", "/a/s-", null, EPHEMERAL_SEQUENTIAL],
        ["set", "/counted", Buffer.from("1")],
        ["check", "/counted", 1],
        ["remove", "/gone"],
    ]);
    same(results.length, 6, "how many results there are");
    const paths = results.slice(0, 3).map((result) => result.path);
    same(paths, ["/a", "/a/s-0000000000", "/a/s-0000000001"], "the new paths");
    const { version, mzxid } = await zk.exists("/counted");
    same([version, mzxid], [1, (await zk.exists(paths[2])).czxid], "the one zxid of all");
    same(await zk.exists("/gone"), null, "the deleted node");
}

async function a_failing_transaction_does_nothing(asker) {
    const zk = await asker.client();
    await zk.create("/p", Buffer.from("0"));
    const failing = zk.transaction([
        ["create", "/p/s-", null, SEQUENTIAL],
        ["set", "/p", Buffer.from("1")],
        ["check", "/p", 5],
        ["remove", "/p"],
    ]);
    await fails(CODES.BAD_VERSION, failing, "the transaction");
    const { version, numChildren } = await zk.exists("/p");
    same([version, numChildren], [0, 0], "the node afterwards");
    same(await zk.create("/p/s-", null, SEQUENTIAL), "/p/s-0000000000", "a number was used up");
}

module.exports = (can) => ({
    questions: [
        a_client_connects,
        a_session_timeout_is_negotiated,
        a_dead_server_in_the_list_is_skipped,
        a_node_is_created_read_set_and_deleted,
        children_show_in_the_parents_stat,
        wrong_requests_get_their_errors,
        data_of_any_kind_comes_back,
        pipelined_requests_are_answered_in_order,
        another_clients_write_is_seen_after_a_sync,
        sequence_numbers_never_come_back,
        two_clients_never_get_the_same_number,
        an_ephemeral_ends_with_its_session,
        ...(can.kinds ? [a_container_goes_when_its_last_child_goes, a_ttl_node_goes_after_its_time] : []),
        ...(can.transactions ? [a_transaction_happens_as_a_whole, a_failing_transaction_does_nothing] : []),
    ],
});
