"""Clients and upstreams that do anything at any time, for a few seconds (UNDERSTUDY_ALL=1: longer).

Whatever happens, these must hold: an answer belongs to the request it answers; no POST is taken twice
by upstreams that did not prove that it never ran; and when everybody has left, nothing is left behind:
no request in flight, no connection, no tunnel. UNDERSTUDY_SEED repeats a run's choices."""

import collections
import hashlib
import os
import random
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import wire
from support import wait_until
from wire import Ended

SECONDS = 40.0 if os.environ.get("UNDERSTUDY_ALL") == "1" else 5.0
SEED = int(os.environ.get("UNDERSTUDY_SEED", random.randrange(1 << 30)))
CLIENTS = 24


def digest(request_id: str, body: bytes) -> bytes:
    return f"{request_id}:{hashlib.sha256(body).hexdigest()}".encode()


class Chaos(wire.WireTest):
    def script(self, seed: int):
        def run(conn: wire.Connection):
            dice = random.Random(f"{seed}-{conn.number}")
            conn.sock.settimeout(3)
            while True:
                choice = dice.random()
                if choice < 0.03:  # leaves within the request
                    conn.read_head()
                    return conn.reset() if dice.random() < 0.5 else None
                if choice < 0.06:  # answers before it has read the body, and leaves
                    conn.read_head()
                    conn.answer(413, "early", "Connection: close\r\n")
                    return None
                request = conn.read_request()
                request_id = request.get("X-Id") or "?"
                with self.lock:
                    self.seen[request_id].append(conn.upstream.name)
                if request.get("Upgrade"):
                    conn.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                    for _ in range(dice.randrange(5)):
                        if not conn.buffer:
                            conn.fill("the tunnel")
                        conn.send(conn.take(len(conn.buffer)))
                    return None
                if choice < 0.10:  # ends instead of answering
                    return conn.reset() if dice.random() < 0.5 else None
                if choice < 0.13:
                    with self.lock:
                        self.seen[request_id].pop()  # says itself that it did not run
                    conn.answer(503, "Function host is not running.", "Content-Type: text/plain\r\n", "Service Unavailable")
                    continue
                if choice < 0.16:
                    conn.answer(dice.choice((502, 503, 504)), "a gateway's")
                    continue
                if choice < 0.18:
                    conn.send(dice.choice((b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 2")))
                    return None
                if choice < 0.20:
                    conn.ended(dice.random() * 1.5)  # too slow
                    return None
                if dice.random() < 0.1:
                    conn.send("HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n")
                padding = bytes(dice.choice((0, 0, 10, 5000, 70_000, 400_000)))
                body = digest(request_id, request.body) + b"\n" + padding
                fields = f"X-Id: {request_id}\r\n"
                if request.method == "HEAD":
                    conn.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{fields}\r\n")
                    continue
                kind = dice.randrange(5)
                if kind == 0:  # until it closes
                    conn.send(f"HTTP/1.1 200 OK\r\n{fields}X-Size: {len(body)}\r\n\r\n".encode() + body)
                    return None
                if kind == 1:
                    conn.send(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{fields}\r\n")
                    at = 0
                    while at < len(body):
                        step = dice.randrange(1, 60_000)
                        conn.send(b"%x\r\n%s\r\n" % (len(body[at:at + step]), body[at:at + step]))
                        at += step
                        if dice.random() < 0.02:
                            return None  # cut off
                    conn.send(b"0\r\n\r\n")
                    continue
                if dice.random() < 0.05:  # shorter than it says
                    conn.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body) + 5}\r\n{fields}\r\n".encode() + body)
                    return None
                conn.answer(200, body, fields)
                if kind == 2 and dice.random() < 0.3:
                    return None  # closes an idle connection
                if kind == 3 and dice.random() < 0.1:
                    conn.send(b"surplus")
        return run

    def visit(self, number: int, ends: float):
        dice = random.Random(f"{SEED}-client-{number}")
        turn = 0
        while time.monotonic() < ends:
            client = None
            try:
                client = self.client(self.running)
                client.sock.settimeout(6)
                for _ in range(dice.randrange(1, 8)):
                    turn += 1
                    if not self.one(client, dice, f"{number}-{turn}"):
                        break
            except (Ended, OSError):
                pass  # cut off: allowed, as long as nothing wrong was said before
            except BaseException as trouble:
                self.wrong.append(f"{number}-{turn}: {trouble!r}")
                return
            finally:
                if client:
                    client.reset() if dice.random() < 0.3 else client.close()

    def one(self, client: wire.Client, dice: random.Random, request_id: str) -> bool:
        """One exchange, or a part of one; False: this connection is finished with."""
        method = dice.choice(("GET", "GET", "HEAD", "POST", "POST", "PUT"))
        head = f"{method} /{request_id} HTTP/1.1\r\nHost: a\r\nX-Id: {request_id}\r\n"
        if dice.random() < 0.04:
            client.send(head.replace(method, "GET", 1) + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            if client.read_answer(interim=True).status == 101:
                client.send(b"hello")
                if dice.random() < 0.7:
                    client.fill("the tunnel")
            return False
        body = b"" if method in ("GET", "HEAD") else bytes(dice.choice((0, 1, 3000, 90_000, 600_000)))
        if method not in ("GET", "HEAD") and dice.random() < 0.4:
            pieces, at = [], 0
            while at < len(body):
                step = dice.randrange(1, 100_000)
                pieces.append(b"%x\r\n%s\r\n" % (len(body[at:at + step]), body[at:at + step]))
                at += step
            data = (head + "Transfer-Encoding: chunked\r\n\r\n").encode() + b"".join(pieces) + b"0\r\n\r\n"
        else:
            data = (head + f"Content-Length: {len(body)}\r\n\r\n").encode() + body
        if dice.random() < 0.08:  # leaves half-way
            client.send(data[:dice.randrange(len(data))])
            return False
        if dice.random() < 0.3:
            cut = dice.randrange(len(data))
            client.send(data[:cut])
            client.send(data[cut:])
        else:
            client.send(data)
        if dice.random() < 0.05:  # leaves before the answer
            return False
        if dice.random() < 0.05:  # or within it
            client.read_head()
            return False
        answer = client.read_answer(method)
        with self.lock:
            self.statuses[answer.status] += 1
        if answer.status == 200:
            if answer.get("X-Id") != request_id:
                raise AssertionError(f"an answer of {answer.get('X-Id')} to {request_id}")
            if method != "HEAD":
                line, _, padding = answer.body.partition(b"\n")
                if line != digest(request_id, body) or padding.strip(b"\0"):
                    raise AssertionError(f"a body of another request: {line[:100]!r}")
        elif answer.status not in (413, 502, 503, 504, 408):
            raise AssertionError(f"status {answer.status}: {answer.text[:200]}")
        return answer.get("Connection") != "close"

    def test_nothing_is_mixed_up_repeated_or_left_behind(self):
        self.lock, self.seen, self.statuses = threading.Lock(), collections.defaultdict(list), collections.Counter()
        self.wrong: list[str] = []
        first, second = self.upstream(self.script(SEED), "first"), self.upstream(self.script(SEED + 1), "second")
        self.running = self.front(first, second, timeouts={"first_byte": "1s", "body": "2s", "write": "2s", "tunnel_idle": "1s"},
                                  log={"access": True})
        ends = time.monotonic() + SECONDS
        threads = [threading.Thread(target=self.visit, args=(i, ends)) for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        while time.monotonic() < ends:  # the table changes under them as well
            self.running.status()
            time.sleep(0.3)
        for thread in threads:
            thread.join(20)
        note = f"UNDERSTUDY_SEED={SEED}; statuses {dict(self.statuses)}"
        self.assertTrue(self.running.running(), note + "\n" + self.running.text[-4000:])
        self.assertEqual(self.wrong[:5], [], note)
        self.assertGreater(self.statuses[200], 50, note)
        methods = {request.target[1:]: request.method for upstream in (first, second) for request in upstream.requests}
        twice = {i: names for i, names in self.seen.items() if len(names) > 1 and methods.get(i) in ("POST", "PUT")}
        self.assertEqual(twice, {}, note)
        for gauge in ("client_requests_in_flight", "client_connections", "tunnels", "retries_in_flight"):
            wait_until(lambda: self.running.metric(f"understudy_{gauge}") == 0, 6, f"{gauge} to be 0 ({note})")
        for name in ("first", "second"):
            wait_until(lambda: self.running.endpoint(name)["inFlight"] == 0, 6, f"nothing in flight at {name} ({note})")


if __name__ == "__main__":
    unittest.main()
