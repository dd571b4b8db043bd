// ACLs and identities.

"use strict";

const crypto = require("node:crypto");
const { CODES, Events, same, holds, fails, eventually, insist } = require("./questions.js");

const ALL = 31;
const OPEN = [{ perms: ALL, scheme: "world", id: "anyone" }];
const CREATOR = [{ perms: ALL, scheme: "auth", id: "" }];

function digestId(user) {
    const hash = crypto.createHash("sha1").update(user).digest("base64");
    return `${user.split(":")[0]}:${hash}`;
}

function only(user) {
    return [{ perms: ALL, scheme: "digest", id: digestId(user) }];
}

// A client that has shown a user's password.
async function clientAs(asker, user, options) {
    const zk = await asker.client(options);
    await zk.addAuth("digest", user);
    return zk;
}

async function make(zk, path, data, acl) {
    await zk.create(path, data === null ? null : Buffer.from(data));
    await zk.setAcl(path, acl, -1);
}

async function a_new_node_is_open_to_all(asker) {
    const zk = await asker.client();
    await zk.create("/a", null);
    const { acl, stat } = await zk.getAcl("/a");
    same([acl, stat.aversion], [OPEN, 0], "the ACL");
}

async function a_digest_acl_keeps_others_out(asker) {
    const [owner, other] = [await clientAs(asker, "ann:a"), await asker.client()];
    await make(owner, "/a", "1", only("ann:a"));
    await other.settle();
    await fails(CODES.NO_AUTH, other.get("/a"), "get");
    await fails(CODES.NO_AUTH, other.set("/a", null, -1), "set");
    await fails(CODES.NO_AUTH, other.children("/a"), "children");
    await fails(CODES.NO_AUTH, other.exists("/a"), "exists");
    await fails(CODES.NO_AUTH, other.create("/a/b", null), "create");
    await fails(CODES.NO_AUTH, other.setAcl("/a", OPEN, -1), "setACL");
    same((await owner.get("/a")).data.toString(), "1", "the owner's data");
    await other.addAuth("digest", "ann:a");
    same((await other.get("/a")).data.toString(), "1", "the data with the password");
}

async function the_auth_acl_becomes_the_creators_ids(asker) {
    const owner = await clientAs(asker, "ann:a");
    await owner.addAuth("digest", "bob:b");
    await make(owner, "/a", "1", CREATOR);
    const { acl } = await owner.getAcl("/a");
    same(acl.map((entry) => entry.id).sort(), [digestId("ann:a"), digestId("bob:b")], "the ids");
    const second = await clientAs(asker, "bob:b");
    await second.settle().catch(() => {});
    same((await second.get("/a")).data.toString(), "1", "the second user's read");
}

async function each_permission_opens_its_own_door(asker) {
    const [owner, other] = [await clientAs(asker, "ann:a"), await asker.client()];
    const doors = [
        ["/read", 1, (path) => other.get(path)],
        ["/write", 2, (path) => other.set(path, null, -1)],
        ["/create", 4, (path) => other.create(`${path}/child`, null, 1)],
        ["/admin", 16, (path) => other.setAcl(path, only("ann:a"), -1)],
    ];
    for (const [path, perms] of doors) {
        await make(owner, path, null, [...only("ann:a"), { perms, scheme: "world", id: "anyone" }]);
    }
    await other.settle();
    for (const [path, , enter] of doors) {
        for (const [name, , call] of doors) {
            if (name !== path) await fails(CODES.NO_AUTH, call(path), `${name} of ${path}`);
        }
        await enter(path);
    }
}

async function a_delete_asks_for_the_right_on_the_parent(asker) {
    const [owner, other] = [await clientAs(asker, "ann:a"), await asker.client()];
    await make(owner, "/p", null, only("ann:a"));
    await owner.create("/p/open", null);
    await make(owner, "/private", null, only("ann:a"));
    await fails(CODES.NO_AUTH, other.remove("/p/open", -1), "delete below a private parent");
    await other.remove("/private", -1);
}

async function an_acl_changes_with_its_version(asker) {
    const zk = await asker.client();
    await zk.create("/a", Buffer.from("1"));
    const before = await zk.exists("/a");
    await zk.setAcl("/a", [{ perms: 17, scheme: "world", id: "anyone" }], 0);
    const stat = await zk.exists("/a");
    same([stat.aversion, stat.version, stat.mzxid], [1, 0, before.mzxid], "the stat");
    await fails(CODES.BAD_VERSION, zk.setAcl("/a", OPEN, 0), "setACL of another version");
    await fails(CODES.NO_AUTH, zk.set("/a", null, -1), "set");
    await zk.setAcl("/a", OPEN, 1);
    await zk.set("/a", null, -1);
}

async function digests_are_masked_from_those_without_admin(asker) {
    const [owner, other] = [await clientAs(asker, "ann:a"), await asker.client()];
    await make(owner, "/a", null, [...only("ann:a"), { perms: 1, scheme: "world", id: "anyone" }]);
    await other.settle();
    same((await other.getAcl("/a")).acl[0].id, "ann:x", "the id as others see it");
    same((await owner.getAcl("/a")).acl[0].id, digestId("ann:a"), "the id as its owner sees it");
}

async function an_ip_acl_matches_the_clients_address(asker) {
    const zk = await asker.client();
    await make(zk, "/near", "1", [{ perms: ALL, scheme: "ip", id: "127.0.0.0/8" }]);
    same((await zk.get("/near")).data.toString(), "1", "what is open to our address");
    await make(zk, "/far", "1", [{ perms: ALL, scheme: "ip", id: "10.1.2.3" }]);
    await fails(CODES.NO_AUTH, zk.get("/far"), "what is open to another");
}

async function a_meaningless_acl_is_refused(asker) {
    const zk = await asker.client();
    await zk.create("/a", null);
    for (const [scheme, id] of [
        ["auth", ""], // Without having shown a password.
        ["digest", "no-colon"],
        ["nonsense", "x"],
        ["ip", "300.1.1.1"],
    ]) {
        await fails(CODES.INVALID_ACL, zk.setAcl("/a", [{ perms: ALL, scheme, id }], -1), `${scheme}:${id}`);
    }
    same((await zk.exists("/a")).aversion, 0, "the ACL's version");
}

async function an_unknown_scheme_ends_the_session(asker) {
    const zk = await asker.client();
    zk.addAuth("nonsense", "x").catch(() => {});
    await eventually("the refusal", () => zk.states.includes("authFailed"));
}

async function auth_is_sent_again_after_a_reconnect(asker) {
    const relay = await asker.relay();
    const zk = await clientAs(asker, "ann:a", { connect: relay.address });
    await make(zk, "/a", "1", CREATOR);
    for (let i = 0; i < 3; i++) {
        relay.cut();
        const { data } = await insist("the data after a reconnect", () => zk.get("/a"));
        same(data.toString(), "1", "the data after a reconnect");
    }
}

async function a_watch_tells_nothing_to_those_who_may_not_read(asker) {
    const [owner, other] = [await clientAs(asker, "ann:a"), await asker.client()];
    const [hidden, shown] = [new Events(), new Events()];
    await make(owner, "/a", null, only("ann:a"));
    await owner.create("/b", null);
    await other.settle();
    await fails(CODES.NO_AUTH, other.get("/a", hidden.watcher), "watch what may not be read");
    await other.get("/b", shown.watcher);
    await owner.set("/a", null, -1);
    await owner.set("/b", null, -1);
    await shown.hears("changed /b");
    await other.settle();
    same(hidden.seen, [], "events of what may not be read");
}

async function the_super_user_passes_every_acl(asker) {
    const [owner, root] = [await clientAs(asker, "ann:a"), await clientAs(asker, "super:compat")];
    await make(owner, "/a", "1", only("ann:a"));
    await root.settle();
    same((await root.get("/a")).data.toString(), "1", "the data");
    await root.setAcl("/a", OPEN, -1);
    const other = await asker.client();
    await other.settle();
    same((await other.get("/a")).data.toString(), "1", "the data for all");
}

async function an_acl_in_a_transaction_is_checked(asker) {
    const [owner, other] = [await clientAs(asker, "ann:a"), await asker.client()];
    await make(owner, "/a", null, only("ann:a"));
    await other.settle();
    const refused = other.transaction([
        ["create", "/b", null, 0],
        ["set", "/a", Buffer.from("1")],
    ]);
    await fails(CODES.NO_AUTH, refused, "the transaction");
    holds((await other.exists("/b")) === null, "half of the transaction was done");
}

module.exports = (can) => ({
    questions: [
        a_new_node_is_open_to_all,
        a_digest_acl_keeps_others_out,
        the_auth_acl_becomes_the_creators_ids,
        each_permission_opens_its_own_door,
        a_delete_asks_for_the_right_on_the_parent,
        an_acl_changes_with_its_version,
        digests_are_masked_from_those_without_admin,
        an_ip_acl_matches_the_clients_address,
        a_meaningless_acl_is_refused,
        an_unknown_scheme_ends_the_session,
        auth_is_sent_again_after_a_reconnect,
        a_watch_tells_nothing_to_those_who_may_not_read,
        the_super_user_passes_every_acl,
        ...(can.transactions ? [an_acl_in_a_transaction_is_checked] : []),
    ],
});
