// Runs the questions of a suite in JavaScript one by one, and reports the answers.
//
// The questions are asked through an adapter, a class that gives the two clients for Node the same
// shape; each suite has one, client.js. What it must have:
//
//   new Client({ connect, timeout, session })
//       connects; timeout in ms, session ({ id, password }, both hexadecimal) one to take over
//   client.states             every state it came into: "connected", "disconnected", "expired",
//                             "authFailed"
//   client.session            { id, password }; client.timeout: what was negotiated, in ms
//   create(path, data, mode, acl), get(path, watcher), set(path, data, version),
//   exists(path, watcher), children(path, watcher), remove(path, version), getAcl(path),
//   setAcl(path, acl, version), addAuth(scheme, text), settle(), close()
//       all of them promises. Those that fail are rejected with an error whose code is ZooKeeper's.
//       A stat's 64-bit fields are BigInts; a watcher is given { type, path }. settle() returns
//       when the client sees all that was done before.
//   transaction(operations)   [kind, ...arguments] each, if Client.can.transactions
//   createTtl(path, data, mode, ttl)   if Client.can.kinds, and CONTAINER as a mode
//   Client.can.timeout        of sessions that no question has another for, in ms
//   Client.can.failAtAcls     whether it survives a getAcl() that fails

"use strict";

const assert = require("node:assert");
const crypto = require("node:crypto");
const fs = require("node:fs");
const net = require("node:net");
const { setTimeout: pause } = require("node:timers/promises");

const Relay = require("./relay.js");

const QUESTION_MS = 120000;
const PATIENCE_MS = 30000;

const CODES = {
    CONNECTION_LOSS: -4,
    BAD_ARGUMENTS: -8,
    NO_NODE: -101,
    NO_AUTH: -102,
    BAD_VERSION: -103,
    NO_CHILDREN_FOR_EPHEMERALS: -108,
    NODE_EXISTS: -110,
    NOT_EMPTY: -111,
    SESSION_EXPIRED: -112,
    INVALID_ACL: -114,
    AUTH_FAILED: -115,
    CLOSING: -116,
    SESSION_MOVED: -118,
};

const MODES = {
    PERSISTENT: 0,
    EPHEMERAL: 1,
    SEQUENTIAL: 2,
    EPHEMERAL_SEQUENTIAL: 3,
    CONTAINER: 4,
};

function same(got, expected, what) {
    try {
        assert.deepStrictEqual(got, expected);
    } catch {
        const show = (value) => (typeof value === "string" ? value : require("node:util").inspect(value));
        throw new Error(`${what}: got ${show(got)}, expected ${show(expected)}`);
    }
}

function holds(condition, what) {
    if (!condition) throw new Error(what);
}

// The promise must be rejected with exactly this code.
async function fails(code, promise, what) {
    let value;
    try {
        value = await promise;
    } catch (error) {
        same(error.code, code, what);
        return;
    }
    throw new Error(`${what}: answered with ${value}, expected ${code}`);
}

// Waits until condition(), which may be asynchronous, is true; returns its value.
async function eventually(what, condition) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
        const value = await condition();
        if (value) return value;
        if (Date.now() > deadline) throw new Error(`not within ${PATIENCE_MS / 1000} s: ${what}`);
        await pause(5);
    }
}

// Asks until the connection holds long enough for an answer.
function insist(what, request) {
    const lost = [CODES.CONNECTION_LOSS, CODES.SESSION_MOVED];
    return eventually(what, async () => {
        try {
            return { answer: await request() };
        } catch (error) {
            if (lost.includes(error.code)) return null;
            throw error;
        }
    }).then((result) => result.answer);
}

// The session's id as the stat of its ephemerals has it.
function ownerOf(session) {
    return BigInt.asIntN(64, BigInt(`0x${session.id}`));
}

// An address that nobody listens on.
async function deadAddress() {
    const server = net.createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    return `127.0.0.1:${port}`;
}

// What one question has at hand. `connect` is the server list, `root` its own path.
class Asker {
    constructor(Client, connect, root) {
        Object.assign(this, { Client, connect, root });
        this.servers = connect.split(",");
        this.clients = [];
        this.after = [];
    }

    // A client whose root is the question's own path, once it is connected.
    async client(options = {}) {
        const client = this.open(options);
        await eventually("a session", () => client.states.includes("connected"));
        return client;
    }

    open(options = {}) {
        const connect = (options.connect || this.connect) + this.root;
        const client = new this.Client({ timeout: this.Client.can.timeout, ...options, connect });
        this.clients.push(client);
        return client;
    }

    async relay(servers = this.connect) {
        const relay = await Relay.open(servers);
        this.after.push(() => relay.close());
        return relay;
    }

    // Closes everything; returns how many sessions expired against all expectation.
    async cleanUp() {
        const ends = this.clients.map((client) => client.close().catch(() => {}));
        await Promise.race([Promise.all(ends), pause(5000)]);
        for (const end of this.after.reverse()) await end();
        const expired = this.clients.filter((c) => !c.mayExpire && c.states.includes("expired"));
        return expired.length;
    }
}

// Every event that a watcher is told, in order.
class Events {
    constructor() {
        this.seen = [];
        this.watcher = (event) => this.seen.push(`${event.type} ${event.path}`);
    }

    async hears(...expected) {
        await eventually(`the events ${expected}`, () => this.seen.length >= expected.length).catch((error) => {
            throw new Error(`${error.message}; heard ${this.seen.join(", ") || "nothing"}`);
        });
        same(this.seen, expected, "events");
    }
}

async function ask(question, asker) {
    let text = "";
    const late = new AbortController();
    try {
        await Promise.race([
            question(asker),
            pause(QUESTION_MS, null, { signal: late.signal }).then(() => {
                throw new Error(`no answer within ${QUESTION_MS / 1000} s`);
            }),
        ]);
    } catch (error) {
        text = error.code ? `${error.message} (${error.code})` : error.message;
    }
    late.abort();
    const expired = await asker.cleanUp();
    return text || (expired ? `${expired} sessions expired that should not` : "");
}

// What the questions have left, whatever its ACLs say.
async function removeTree(client, path) {
    const { names } = await client.children(path);
    for (const name of names) await removeTree(client, `${path}/${name}`);
    await client.remove(path, -1);
}

// Asks all the questions of the servers; the promise is the exit status.
async function askAll(name, Client, connect, groups) {
    const root = `/compat-${name}-${crypto.randomBytes(6).toString("hex")}`;
    const owner = new Client({ connect, timeout: Client.can.timeout });
    await eventually("the first connection", () => owner.states.includes("connected"));
    await owner.addAuth("digest", "super:compat");
    await owner.create(root, null, MODES.PERSISTENT);
    const killing = groups.filter((group) => group.kills && !process.env.COMPAT_ENSEMBLE);
    for (const question of killing.flatMap((group) => group.questions)) {
        console.log(`  skipped: ${question.name} (no ensemble whose servers may be killed)`);
    }
    const questions = groups.filter((group) => !killing.includes(group)).flatMap((group) => group.questions);
    const wrong = [];
    for (const question of questions) {
        await insist("a question's path", () => owner.create(`${root}/${question.name}`, null, MODES.PERSISTENT));
        const start = Date.now();
        const text = await ask(question, new Asker(Client, connect, `${root}/${question.name}`));
        const took = ((Date.now() - start) / 1000).toFixed(1);
        console.log(`  ${text ? "wrong" : "ok   "} ${question.name} (${took} s)`);
        if (text) {
            console.log(`          ${text}`);
            wrong.push(`${question.name} (${text})`);
        }
    }
    await removeTree(owner, root);
    await owner.close();
    console.log(`  ${questions.length} questions, ${wrong.length} wrong answers`);
    if (wrong.length) {
        const reason = `${wrong.length} of ${questions.length} questions: ${wrong.join("; ")}`;
        fs.writeFileSync(process.env.COMPAT_REASON, `${reason.replaceAll("\n", " ")}\n`);
    }
    return wrong.length ? 1 : 0;
}

// The whole of a suite's program.
function main(name, Client, groups) {
    askAll(name, Client, process.argv[2], groups).then(
        (status) => process.exit(status),
        (error) => {
            console.log(error);
            fs.writeFileSync(process.env.COMPAT_REASON, `${error.message}\n`);
            process.exit(1);
        },
    );
}

module.exports = { CODES, MODES, Events, same, holds, fails, eventually, insist, ownerOf, deadAddress, pause, main };
