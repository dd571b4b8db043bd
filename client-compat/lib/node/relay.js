// A TCP relay between a client and the servers, so that a question can cut a connection without
// touching a server. It forwards to the first of its servers that accepts.

"use strict";

const net = require("node:net");

class Relay {
    // The promise of a relay for "host:port,host:port" that listens.
    static async open(servers) {
        const relay = new Relay(servers);
        relay.listener.listen(0, "127.0.0.1");
        await new Promise((resolve) => relay.listener.once("listening", resolve));
        relay.address = `127.0.0.1:${relay.listener.address().port}`;
        return relay;
    }

    constructor(servers) {
        this.servers = servers.split(",").map((server) => {
            const colon = server.lastIndexOf(":");
            return { host: server.slice(0, colon), port: Number(server.slice(colon + 1)) };
        });
        this.links = new Set();
        this.refusing = false;
        this.listener = net.createServer((socket) => this.link(socket, 0));
    }

    get isUsed() {
        return this.links.size > 0;
    }

    link(socket, index) {
        socket.on("error", () => {});
        if (this.refusing || index === this.servers.length) {
            socket.destroy();
            return;
        }
        const server = net.connect(this.servers[index]);
        server.once("error", () => this.link(socket, index + 1));
        server.once("connect", () => {
            server.removeAllListeners("error");
            server.on("error", () => {});
            if (this.refusing) {
                socket.destroy();
                server.destroy();
                return;
            }
            const pair = [socket, server];
            this.links.add(pair);
            for (const end of pair) {
                end.setNoDelay();
                end.once("close", () => {
                    this.links.delete(pair);
                    pair.forEach((other) => other.destroy());
                });
            }
            socket.pipe(server).pipe(socket);
        });
    }

    // Ends every open connection; the client may connect again at once.
    cut() {
        for (const pair of this.links) pair.forEach((end) => end.destroy());
        this.links.clear();
    }

    // Keeps the open connections, and ends each new one until accept().
    shut() {
        this.refusing = true;
    }

    // Ends every open connection, and each new one until accept().
    refuse() {
        this.shut();
        this.cut();
    }

    accept() {
        this.refusing = false;
    }

    close() {
        this.listener.close();
        this.refuse();
    }
}

module.exports = Relay;
