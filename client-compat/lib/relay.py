"""A TCP relay between a client and the servers, so that a test can cut a connection.

The client connects to the relay's own address on the loopback; the relay forwards to the first
of the given servers that accepts. A test cuts the link (cut), keeps the client out for a while
(shut, refuse, accept) and so causes reconnects and session losses without touching a server.
"""

import socket
import threading


def _pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for sock in (source, target):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Relay:
    """One listening relay. `servers` is "host:port,host:port"; `address` is what clients use."""

    def __init__(self, servers):
        self._servers = []
        for server in servers.split(","):
            host, port = server.rsplit(":", 1)
            self._servers.append((host.strip("[]"), int(port)))
        self._lock = threading.Lock()
        self._links = []
        self._refusing = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept_clients, daemon=True).start()

    def _accept_clients(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._link, args=(client,), daemon=True).start()

    def _link(self, client):
        server = None if self._refusing else self._dial()
        with self._lock:
            if server is None or self._refusing:
                client.close()
                if server is not None:
                    server.close()
                return
            self._links.append((client, server))
        threading.Thread(target=_pump, args=(server, client), daemon=True).start()
        _pump(client, server)

    def _dial(self):
        for address in self._servers:
            try:
                server = socket.create_connection(address, timeout=5)
                server.settimeout(None)
                return server
            except OSError:
                continue
        return None

    def cut(self):
        """Ends every open connection; the client may connect again at once."""
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            for sock in link:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def shut(self):
        """Keeps the open connections and ends each new one until accept()."""
        with self._lock:
            self._refusing = True

    def refuse(self):
        """Ends every open connection and each new one until accept()."""
        self.shut()
        self.cut()

    def accept(self):
        """Lets clients through again after shut() or refuse()."""
        with self._lock:
            self._refusing = False

    def close(self):
        self._listener.close()
        self.refuse()
