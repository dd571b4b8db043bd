// npm's zookeeper, a binding of the C client, in the shape that the questions of lib/node ask for.

"use strict";

const ZooKeeper = require("zookeeper");

const { constants } = ZooKeeper;

const EVENTS = new Map([
    [constants.ZOO_CREATED_EVENT, "created"],
    [constants.ZOO_DELETED_EVENT, "deleted"],
    [constants.ZOO_CHANGED_EVENT, "changed"],
    [constants.ZOO_CHILD_EVENT, "child"],
]);

const ENDS = new Map([
    [constants.ZOO_EXPIRED_SESSION_STATE, "expired"],
    [constants.ZOO_AUTH_FAILED_STATE, "authFailed"],
]);

function statOf(stat) {
    const own = Object.fromEntries(Object.getOwnPropertyNames(stat).map((name) => [name, stat[name]]));
    delete own.createdInThisSession;
    for (const name of ["czxid", "mzxid", "pzxid"]) own[name] = BigInt(own[name]);
    for (const name of ["ctime", "mtime"]) own[name] = BigInt(own[name].getTime());
    own.ephemeralOwner = BigInt.asIntN(64, BigInt(`0x${own.ephemeralOwner}`));
    return own;
}

class Client {
    // After a lost connection, and while nothing is asked, the binding looks at its socket once in a third of the
    // session's timeout; so that is short.
    // Reading the ACL of a node that does not exist ends the process: the binding frees the list that there is not.
    static can = { transactions: false, kinds: true, failAtAcls: false, timeout: 10000 };

    constructor({ connect, timeout, session }) {
        const identity = session && { client_id: session.id, client_password: session.password };
        this.states = [];
        // The limit is one of the binding: so many wake-ups without a whole reply, and it calls the session expired.
        const settings = { connect, timeout, debug_level: 0, response_counter_limit: 1000000, ...identity };
        this.library = new ZooKeeper(settings);
        this.library.on("connect", () => this.states.push("connected"));
        this.library.on("connecting", () => this.states.push("disconnected"));
        this.library.on("close", (_, code) => ENDS.has(code) && this.states.push(ENDS.get(code)));
        this.library.init({});
    }

    get session() {
        return { id: this.library.client_id, password: this.library.client_password };
    }

    get timeout() {
        return this.library.timeout;
    }

    // A call of the C client with a callback at its end; the promise is made of what that is given.
    call(method, args, made) {
        return new Promise((resolve, reject) => {
            const fail = (code, text) => reject(Object.assign(new Error(text), { code }));
            const done = (code, text, ...results) => (code === 0 ? resolve(made(...results)) : fail(code, text));
            const sent = this.library[method](...args, done);
            if (sent < 0) fail(sent, `${method} was not sent`);
        });
    }

    // The same for a call that may set a watch.
    callWatching(method, path, watcher, made) {
        if (!watcher) return this.call(`a_${method}`, [path, false], made);
        const told = (type, state, where) => EVENTS.has(type) && watcher({ type: EVENTS.get(type), path: where });
        return this.call(`aw_${method}`, [path, told], made);
    }

    create(path, data, mode = 0) {
        return this.call("a_create", [path, data || Buffer.alloc(0), mode], (made) => made);
    }

    createTtl(path, data, mode, ttl) {
        return this.call("a_createTtl", [path, data || Buffer.alloc(0), mode, ttl], (made) => made);
    }

    get(path, watcher) {
        return this.callWatching("get", path, watcher, (stat, data) => ({ data, stat: statOf(stat) }));
    }

    set(path, data, version) {
        return this.call("a_set", [path, data || Buffer.alloc(0), version], statOf);
    }

    async exists(path, watcher) {
        try {
            return await this.callWatching("exists", path, watcher, statOf);
        } catch (error) {
            if (error.code === constants.ZNONODE) return null;
            throw error;
        }
    }

    children(path, watcher) {
        return this.callWatching("get_children2", path, watcher, (names, stat) => ({ names, stat: statOf(stat) }));
    }

    remove(path, version) {
        return this.call("a_delete_", [path, version], () => undefined);
    }

    getAcl(path) {
        const entry = ({ perms, scheme, auth }) => ({ perms, scheme, id: auth });
        return this.call("a_get_acl", [path], (acl, stat) => ({ acl: acl.map(entry), stat: statOf(stat) }));
    }

    setAcl(path, acl, version) {
        const entries = acl.map(({ perms, scheme, id }) => ({ perms, scheme, auth: id }));
        return this.call("a_set_acl", [path, version, entries], () => undefined);
    }

    // The binding leaves the packet in its queue until something else is sent.
    async addAuth(scheme, text) {
        const shown = this.call("add_auth", [scheme, text], () => undefined);
        await Promise.all([shown, this.settle()]);
    }

    async settle() {
        await this.call("a_sync", ["/"], () => undefined);
    }

    async close() {
        this.library.close();
    }
}

module.exports = Client;
