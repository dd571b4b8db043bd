// Failover to the next server: the way to one is cut off, or a server is killed.

"use strict";

const { execFile } = require("node:child_process");
const net = require("node:net");
const path = require("node:path");
const { promisify } = require("node:util");

const { CODES, Events, MODES, same, holds, eventually, insist } = require("./questions.js");

const TOOL = path.join(__dirname, "..", "ensemble.py");

// A command of lib/ensemble.py; the promise is what it prints.
async function ensemble(command, ...args) {
    const { stdout } = await promisify(execFile)("python3", [TOOL, command, process.env.COMPAT_ENSEMBLE, ...args]);
    return stdout.trim();
}

// What a server answers to a four-letter word.
function fourLetters(server, word) {
    return new Promise((resolve) => {
        const [host, port] = server.split(":");
        const socket = net.connect({ host, port: Number(port) }, () => socket.write(word));
        let answer = "";
        socket.on("data", (data) => (answer += data));
        socket.on("error", () => {});
        socket.on("close", () => resolve(answer));
    });
}

// The number of the server that holds the client's connection, counted from 1.
function serverOf(asker, zk) {
    const sid = `sid=0x${zk.session.id.replace(/^0+/, "")},`;
    return eventually("the server of a session", async () => {
        const answers = await Promise.all(asker.servers.map((server) => fourLetters(server, "cons")));
        const index = answers.findIndex((answer) => answer.includes(sid));
        return index < 0 ? null : String(index + 1);
    });
}

// What has to outlive a server.
class Belongings {
    static async of(asker, connect) {
        const own = new Belongings();
        own.zk = await asker.client(connect ? { connect } : {});
        own.other = await asker.client();
        own.session = own.zk.session;
        await own.zk.create("/e", null, MODES.EPHEMERAL);
        own.czxid = (await own.zk.exists("/e")).czxid;
        for (const name of ["/changed", "/quiet", "/parent"]) await own.zk.create(name, null);
        own.heard = { changed: new Events(), quiet: new Events(), found: new Events(), parent: new Events() };
        await own.zk.get("/changed", own.heard.changed.watcher);
        await own.zk.get("/quiet", own.heard.quiet.watcher);
        await own.zk.exists("/found", own.heard.found.watcher);
        await own.zk.children("/parent", own.heard.parent.watcher);
        await own.zk.settle();
        return own;
    }

    // Is done by the other client while the owner may be without a connection.
    async change() {
        await insist("a set", () => this.other.set("/changed", Buffer.from("1"), -1));
        for (const name of ["/found", "/parent/child"]) {
            await insist("a create", () =>
                this.other.create(name, null).catch((error) => {
                    if (error.code !== CODES.NODE_EXISTS) throw error; // Else the reply was lost.
                }),
            );
        }
    }

    async survive() {
        await this.heard.changed.hears("changed /changed");
        await this.heard.found.hears("created /found");
        await this.heard.parent.hears("child /parent");
        same(this.heard.quiet.seen, [], "events of what did not change");
        same(this.zk.session, this.session, "the session");
        await insist("a settle", () => this.other.settle());
        const stat = await insist("the ephemeral's stat", () => this.other.exists("/e"));
        holds(stat, "the ephemeral is gone");
        same(stat.czxid, this.czxid, "the ephemeral's creation");
        await insist("the owner's write", () => this.zk.set("/quiet", Buffer.from("1"), -1));
        await this.heard.quiet.hears("changed /quiet");
    }
}

async function a_session_moves_to_the_next_server(asker) {
    const relays = [];
    for (const server of asker.servers) relays.push(await asker.relay(server));
    const own = await Belongings.of(asker, relays.map((relay) => relay.address).join(","));
    for (let i = 0; i < 4; i++) {
        const used = relays.find((relay) => relay.isUsed);
        const before = own.zk.states.length;
        holds(used, "no relay is used");
        if (relays.length > 1) used.refuse();
        else used.cut();
        if (i === 1) await own.change();
        await eventually("a reconnect", () => own.zk.states.slice(before).includes("connected"));
        same(own.zk.session, own.session, "the session");
        holds(relays.length === 1 || !used.isUsed, "the client came back to the same server");
        used.accept();
    }
    await own.survive();
}

async function killAndCheck(asker, which) {
    const own = await Belongings.of(asker);
    const held = await serverOf(asker, own.zk);
    const killed = which || held;
    const before = own.zk.states.length;
    asker.after.push(() => ensemble("revive"));
    await ensemble("kill", killed);
    await own.change();
    await own.survive();
    holds(held !== killed || own.zk.states.slice(before).includes("connected"), "the connection was not lost");
    await ensemble("revive");
}

function the_server_of_a_session_is_killed(asker) {
    return killAndCheck(asker, null);
}

async function the_leader_is_killed(asker) {
    await killAndCheck(asker, await ensemble("leader"));
}

// While that is done somebody writes; what was acknowledged to him must be there at the end.
async function each_server_is_killed_in_turn(asker) {
    const own = await Belongings.of(asker);
    const writer = await asker.client();
    let [count, isOver] = [0, false];
    const writing = (async () => {
        while (!isOver) {
            await insist("a create", () =>
                writer.create(`/n${count}`, null).catch((error) => {
                    if (error.code !== CODES.NODE_EXISTS) throw error;
                }),
            );
            count++;
        }
    })();
    asker.after.push(() => ensemble("revive"));
    for (let i = 0; i < asker.servers.length; i++) {
        await ensemble("kill", String(i + 1));
        if (i === 1) await own.change();
        await ensemble("revive");
    }
    isOver = true;
    await writing;
    await own.survive();
    const { names } = await insist("the children", () => own.zk.children("/"));
    const kept = names.filter((name) => /^n\d+$/.test(name)).length;
    holds(count > 0, "nothing was written");
    holds(kept >= count, `${kept} of ${count} acknowledged creates are there`);
}

module.exports = () => [
    { questions: [a_session_moves_to_the_next_server] },
    {
        kills: true,
        questions: [the_server_of_a_session_is_killed, the_leader_is_killed, each_server_is_killed_in_turn],
    },
];
