"""HTTP by the byte: scripted upstreams and raw clients for tests that must see exactly what was sent.

    upstream = self.upstream(script)         # script(conn) runs in a thread for each connection
    proxy = self.front(upstream, …)          # a proxy before it, probing by TCP: probes send no bytes
    client = self.client(proxy)
    client.send(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    answer = client.read_answer()

What an upstream has received is kept byte for byte (`upstream.received()`, `upstream.requests`).
Nothing here sleeps to let things happen: whoever waits, waits for bytes, an end, or a condition.
"""

from __future__ import annotations

import dataclasses
import select
import socket
import ssl
import struct
import threading
import time
import urllib.parse

import support

LIMIT = 10.0  # seconds that any single wait may take


class Ended(Exception):
    """The peer closed or reset the connection before the awaited bytes were complete."""

    def __init__(self, what: str, partial: bytes = b"", reset: bool = False):
        super().__init__(f"the connection ended within {what}; so far {partial[-200:]!r}")
        self.partial, self.reset = partial, reset


@dataclasses.dataclass
class Message:
    """A request or an answer as it was on the wire."""

    start: str
    fields: list[tuple[str, str]]
    head: bytes
    body: bytes = b""
    trailers: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    @property
    def method(self) -> str:
        return self.start.split(" ")[0]

    @property
    def target(self) -> str:
        return self.start.split(" ")[1]

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1])

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        return ", ".join(values) if values else None

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


def parse_head(raw: bytes) -> Message:
    lines = raw.decode("latin-1").split("\r\n")
    fields = []
    for line in lines[1:]:
        if line:
            name, _, value = line.partition(":")
            fields.append((name, value.strip()))
    return Message(lines[0], fields, raw)


class Wire:
    """One end of a connection, with the bytes that arrived and were not used yet."""

    def __init__(self, sock: socket.socket):
        self.sock = sock
        self.buffer = bytearray()
        self.seen = bytearray()  # everything that ever arrived
        sock.settimeout(LIMIT)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, *pieces: bytes | str):
        for piece in pieces:
            self.sock.sendall(piece.encode("latin-1") if isinstance(piece, str) else piece)

    def fill(self, what: str):
        """Takes one more read's worth; raises Ended at an end or a reset."""
        try:
            got = self.sock.recv(65536)
        except (ConnectionError, ssl.SSLError) as trouble:
            raise Ended(what, bytes(self.buffer), True) from trouble
        if not got:
            raise Ended(what, bytes(self.buffer))
        self.buffer += got
        self.seen += got

    def take(self, count: int) -> bytes:
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def read_exact(self, count: int, what: str = "a body") -> bytes:
        while len(self.buffer) < count:
            self.fill(what)
        return self.take(count)

    def read_until(self, mark: bytes, what: str) -> bytes:
        searched = 0
        while True:
            at = self.buffer.find(mark, max(0, searched - len(mark)))
            if at >= 0:
                return self.take(at + len(mark))
            searched = len(self.buffer)
            self.fill(what)

    def read_head(self) -> Message:
        return parse_head(self.read_until(b"\r\n\r\n", "a head"))

    def read_chunk(self) -> bytes:
        """The data of the next chunk; b"" for the last one, whose trailer section is left."""
        size = int(self.read_until(b"\r\n", "a chunk line").split(b";")[0], 16)
        if size == 0:
            return b""
        data = self.read_exact(size, "a chunk")
        if self.read_exact(2, "a chunk") != b"\r\n":
            raise AssertionError("a chunk's data does not end with CRLF")
        return data

    def read_trailers(self) -> list[tuple[str, str]]:
        trailers = []
        while (line := self.read_until(b"\r\n", "the trailers")) != b"\r\n":
            name, _, value = line.decode("latin-1").partition(":")
            trailers.append((name, value.strip()))
        return trailers

    def read_chunked(self) -> tuple[bytes, list[tuple[str, str]]]:
        body = bytearray()
        while piece := self.read_chunk():
            body += piece
        return bytes(body), self.read_trailers()

    def read_to_end(self, gently: bool = True) -> bytes:
        """What arrives until the peer closes; a reset raises Ended unless `gently` is False."""
        while True:
            try:
                self.fill("the rest")
            except Ended as end:
                if end.reset and gently:
                    raise
                return self.take(len(self.buffer))

    def ended(self, within: float = LIMIT) -> bool:
        """Whether the peer ends the connection within a time; bytes that arrive first are kept."""
        limit = time.monotonic() + within
        while (left := limit - time.monotonic()) > 0:
            if not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
                if not select.select([self.sock], [], [], left)[0]:
                    return False
            try:
                self.fill("nothing")
            except Ended:
                return True
        return False

    def quiet(self, seconds: float) -> bool:
        """Whether nothing arrives for a time: for what must not happen only."""
        return not self.buffer and not select.select([self.sock], [], [], seconds)[0]

    def shutdown(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass


class Client(Wire):
    """A raw client of the proxy."""

    def read_answer(self, to: str = "GET", interim: bool = False) -> Message:
        """The next final answer (with `interim` also a 1xx one), its body included."""
        while True:
            answer = self.read_head()
            if answer.status >= 200 or interim:
                break
        if answer.status < 200 or to == "HEAD" or answer.status in (204, 304):
            return answer
        if (answer.get("Transfer-Encoding") or "").lower() == "chunked":
            answer.body, answer.trailers = self.read_chunked()
        elif (length := answer.get("Content-Length")) is not None:
            answer.body = self.read_exact(int(length))
        else:
            answer.body = self.read_to_end()
        return answer

    def ask(self, method: str = "GET", target: str = "/", fields: str = "", body: bytes = b"") -> Message:
        """One request in one segment, and its answer. `fields` are whole lines."""
        length = f"Content-Length: {len(body)}\r\n" if body or method in ("POST", "PUT") else ""
        self.send(f"{method} {target} HTTP/1.1\r\nHost: client.example\r\n{fields}{length}\r\n".encode("latin-1") + body)
        return self.read_answer(method)


class Connection(Wire):
    """An upstream's side of a connection, as a script sees it."""

    def __init__(self, sock: socket.socket, upstream: "Upstream", number: int):
        super().__init__(sock)
        self.upstream, self.number = upstream, number

    def read_request(self, record: bool = True) -> Message:
        request = self.read_head()
        if (request.get("Transfer-Encoding") or "").lower() == "chunked":
            request.body, request.trailers = self.read_chunked()
        elif length := request.get("Content-Length"):
            request.body = self.read_exact(int(length))
        if record:
            self.upstream.note(request)
        return request

    def answer(self, status: int = 200, body: bytes | str = b"ok", fields: str = "", reason: str = "OK"):
        body = body.encode() if isinstance(body, str) else body
        length = f"Content-Length: {len(body)}\r\n"
        if status in (204, 304):
            body, length = b"", ""
        self.send(f"HTTP/1.1 {status} {reason}\r\n{length}{fields}\r\n".encode("latin-1") + body)


def answer_all(status: int = 200, body: bytes | str | None = None, fields: str = ""):
    """A script that answers every request alike; without a body, with its upstream's name."""

    def script(conn: Connection):
        while True:
            request = conn.read_request()
            text = conn.upstream.name if body is None else body
            if request.method == "HEAD":
                conn.send(f"HTTP/1.1 {status} OK\r\nContent-Length: {len(text)}\r\n{fields}\r\n")
            else:
                conn.answer(status, text, fields)

    return script


class Upstream:
    """A server whose every connection is served by `script(conn)` in a thread of its own."""

    def __init__(self, name: str, script=None, tls: ssl.SSLContext | None = None):
        self.name, self.script, self.tls = name, script or answer_all(), tls
        self.requests: list[Message] = []
        self.connections: list[Connection] = []
        self.errors: list[BaseException] = []
        self.changed = threading.Condition()
        self.port = 0
        self._socket: socket.socket | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def start(self):
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", self.port))
        self._socket.listen(512)
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._socket,), daemon=True).start()

    def _accept(self, listening: socket.socket):
        while True:
            try:
                sock, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket):
        conn = None
        try:
            if self.tls:
                sock.settimeout(LIMIT)
                sock = self.tls.wrap_socket(sock, server_side=True)
            with self.changed:
                conn = Connection(sock, self, len(self.connections))
                self.connections.append(conn)
                self.changed.notify_all()
            conn.fill("a request")  # a TCP probe ends here
            self.script(conn)
        except (Ended, OSError):
            pass
        except BaseException as trouble:
            self.errors.append(trouble)
        finally:
            if conn:
                conn.close()
            else:
                sock.close()

    def note(self, request: Message):
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()

    def wait_requests(self, count: int = 1, timeout: float = LIMIT) -> list[Message]:
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.requests) >= count, timeout):
                raise AssertionError(f"{self.name} has {len(self.requests)} of {count} requests")
            return list(self.requests)

    def used(self) -> list[Connection]:
        """The connections that carried bytes: probes do not."""
        return [conn for conn in self.connections if conn.seen]

    def received(self) -> bytes:
        return b"".join(bytes(conn.seen) for conn in self.connections)

    def stop(self):
        """Closes the listener: connecting is refused from now on. Open connections stay."""
        listening, self._socket = self._socket, None
        if listening:
            listening.shutdown(socket.SHUT_RDWR)
            listening.close()

    def close(self):
        self.stop()
        for conn in list(self.connections):
            try:
                conn.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


PROBE_BY_TCP = {"protocol": "tcp", "interval": "500ms", "timeout": "400ms", "doubt_interval": "50ms",
                "tolerated_failures": 1, "required_passes": 1}


class WireTest(support.EndToEnd):
    def upstream(self, script=None, name: str = "upstream", tls: ssl.SSLContext | None = None) -> Upstream:
        upstream = Upstream(name, script, tls)
        self.addCleanup(self._finish, upstream)
        return upstream

    def _finish(self, upstream: Upstream):
        upstream.close()
        if upstream.errors:
            raise upstream.errors[0]

    def front(self, *endpoints, env: dict | None = None, workers: int = 1, **changes) -> support.Proxy:
        """A proxy before the endpoints, by priority, once all of them are online."""
        config = self.config(*endpoints, **{"probe": PROBE_BY_TCP, **changes})
        proxy = self.proxy(config, "--workers", str(workers), env=env)
        self.wait_online(proxy)
        return proxy

    def wait_online(self, proxy: support.Proxy):
        support.wait_until(lambda: all(e["monitorStatus"] == "Online" for e in proxy.status()["endpoints"]),
                           what="all endpoints online")

    def client(self, proxy: support.Proxy, tls: ssl.SSLContext | None = None, url: str | None = None,
               name: str = "localhost") -> Client:
        parts = urllib.parse.urlsplit(url or proxy.url)
        sock = socket.create_connection((parts.hostname, parts.port), LIMIT)
        if tls:
            sock = tls.wrap_socket(sock, server_hostname=name)
        client = Client(sock)
        self.addCleanup(client.close)
        return client

    def assert_alive(self, proxy: support.Proxy):
        self.assertTrue(proxy.running(), proxy.text)
