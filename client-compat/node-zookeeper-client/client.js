// node-zookeeper-client in the shape that the questions of lib/node ask for.

"use strict";

const library = require("node-zookeeper-client");

const { ACL, Event, Id, State } = library;

const EVENTS = new Map([
    [Event.NODE_CREATED, "created"],
    [Event.NODE_DELETED, "deleted"],
    [Event.NODE_DATA_CHANGED, "changed"],
    [Event.NODE_CHILDREN_CHANGED, "child"],
]);

const STATES = new Map([
    [State.SYNC_CONNECTED, "connected"],
    [State.CONNECTED_READ_ONLY, "connected"],
    [State.DISCONNECTED, "disconnected"],
    [State.EXPIRED, "expired"],
    [State.AUTH_FAILED, "authFailed"],
]);

// The library hands out 64-bit numbers as eight bytes.
function statOf(record) {
    const stat = {};
    for (const { name } of record.specification) {
        const value = record[name];
        stat[name] = Buffer.isBuffer(value) ? value.readBigInt64BE() : value;
    }
    return stat;
}

function watcherOf(watcher) {
    return watcher && ((event) => watcher({ type: EVENTS.get(event.getType()), path: event.getPath() }));
}

function aclOf(entries) {
    return entries.map((entry) => new ACL(entry.perms, new Id(entry.scheme, entry.id)));
}

class Client {
    static can = { transactions: true, kinds: false, failAtAcls: true, timeout: 20000 };

    constructor({ connect, timeout, session }) {
        const identity = session && {
            sessionId: Buffer.from(session.id.padStart(16, "0"), "hex"),
            sessionPassword: Buffer.from(session.password, "hex"),
        };
        this.states = [];
        this.library = library.createClient(connect, { sessionTimeout: timeout, spinDelay: 200, ...identity });
        this.library.on("state", (state) => this.states.push(STATES.get(state)));
        this.library.connect();
    }

    get session() {
        const hex = (buffer) => buffer.toString("hex");
        return { id: hex(this.library.getSessionId()), password: hex(this.library.getSessionPassword()) };
    }

    get timeout() {
        return this.library.getSessionTimeout();
    }

    // The library's own call with a callback at its end; the promise is made of what that is given.
    call(method, args, made) {
        return new Promise((resolve, reject) => {
            this.library[method](...args, (error, ...results) => (error ? reject(error) : resolve(made(...results))));
        });
    }

    create(path, data, mode = 0) {
        return this.call("create", [path, data, mode], (made) => made);
    }

    get(path, watcher) {
        return this.call("getData", [path, watcherOf(watcher)], (data, stat) => ({ data, stat: statOf(stat) }));
    }

    // The library stumbles over null.
    set(path, data, version) {
        return this.call("setData", [path, data || Buffer.alloc(0), version], statOf);
    }

    exists(path, watcher) {
        return this.call("exists", [path, watcherOf(watcher)], (stat) => stat && statOf(stat));
    }

    children(path, watcher) {
        const made = (names, stat) => ({ names, stat: statOf(stat) });
        return this.call("getChildren", [path, watcherOf(watcher)], made);
    }

    remove(path, version) {
        return this.call("remove", [path, version], () => undefined);
    }

    getAcl(path) {
        const entry = ({ permission, id }) => ({ perms: permission, scheme: id.scheme, id: id.id });
        return this.call("getACL", [path], (acl, stat) => ({ acl: acl.map(entry), stat: statOf(stat) }));
    }

    setAcl(path, acl, version) {
        return this.call("setACL", [path, aclOf(acl), version], () => undefined);
    }

    // There is no answer to wait for; a refusal shows as a state.
    async addAuth(scheme, text) {
        this.library.addAuthInfo(scheme, Buffer.from(text));
    }

    // The library has no sync. A write of its own is acknowledged after all that was done before.
    async settle() {
        await this.set("/", null, -1);
    }

    async transaction(operations) {
        const transaction = this.library.transaction();
        const add = {
            create: (path, data, mode) => transaction.create(path, data, mode),
            set: (path, data) => transaction.setData(path, data),
            check: (path, version) => transaction.check(path, version),
            remove: (path) => transaction.remove(path),
        };
        for (const [kind, ...args] of operations) add[kind](...args);
        return new Promise((resolve, reject) => {
            transaction.commit((error, results) => (error ? reject(error) : resolve(results)));
        });
    }

    async close() {
        const ended = new Promise((resolve) => {
            if (this.library.getState() === State.SYNC_CONNECTED) this.library.once("disconnected", resolve);
            else resolve();
        });
        this.library.close();
        await ended;
    }
}

module.exports = Client;
