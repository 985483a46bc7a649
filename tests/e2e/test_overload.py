"""Limits and overload: what is too much is answered 503 with Retry-After and counted by its reason, clients that are too
slow are let go, a shortage of descriptors is waited out, and none of it is held against an endpoint."""

import json
import os
import resource
import select
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
import wire

ALL = os.environ.get("UNDERSTUDY_ALL") == "1"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kib(pid: int) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


class Overload(wire.WireTest):
    def setUp(self):
        super().setUp()
        support.executable("understudy")

    def refused(self, proxy, reason: str) -> float:
        return proxy.metric("understudy_refused_requests_total", reason=reason)

    def assert_overloaded(self, answer: wire.Message):
        self.assertEqual((answer.status, json.loads(answer.body)["kind"]), (503, "overloaded"))
        self.assertGreater(int(answer.get("Retry-After")), 0)

    def assert_online(self, proxy):
        for endpoint in proxy.status()["endpoints"]:
            self.assertEqual(endpoint["monitorStatus"], "Online")

    def from_address(self, proxy, source: str) -> wire.Client:
        parts = urllib.parse.urlsplit(proxy.url)
        client = wire.Client(socket.create_connection((parts.hostname, parts.port), wire.LIMIT, source_address=(source, 0)))
        self.addCleanup(client.close)
        return client


class Caps(Overload):
    def test_a_connection_too_many_is_told_so(self):
        proxy = self.front(self.upstream(), limits={"connections": 2})
        first, second = self.client(proxy), self.client(proxy)
        self.assertEqual([first.ask().status, second.ask().status], [200, 200])
        for sends_first in (True, False):
            third = self.client(proxy)
            if sends_first:
                third.send(GET)
            self.assert_overloaded(third.read_answer())
            self.assertTrue(third.ended())
        self.assertEqual(self.refused(proxy, "connection_limit"), 2)
        first.close()
        support.wait_until(lambda: self.client(proxy).ask().status == 200, what="the place of the one that left")
        self.assertEqual(second.ask().status, 200)
        self.assert_online(proxy)

    def test_a_thousand_connections_too_many_leave_no_descriptor_behind(self):
        proxy = self.front(self.upstream(), limits={"connections": 1})
        kept = self.client(proxy)
        self.assertEqual(kept.ask().status, 200)
        before = descriptors(proxy.pid)
        for _ in range(1000):
            self.client(proxy).close()
        support.wait_until(lambda: self.refused(proxy, "connection_limit") >= 1000, what="a thousand refusals")
        support.wait_until(lambda: descriptors(proxy.pid) <= before, what="their descriptors to be closed")
        self.assertEqual(kept.ask().status, 200)

    def test_requests_of_one_client(self):
        hold = threading.Event()
        self.addCleanup(hold.set)

        def script(conn):
            while True:
                request = conn.read_request()
                if request.target == "/hold":
                    hold.wait(8)
                conn.answer()

        up = self.upstream(script)
        proxy = self.front(up, limits={"per_client": 2})
        busy = [self.client(proxy) for _ in range(2)]
        for client in busy:
            client.send(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
        up.wait_requests(2)
        greedy = self.client(proxy)
        self.assert_overloaded(greedy.ask())
        self.assertEqual(self.from_address(proxy, "127.0.0.2").ask().status, 200, "another client has its own share")
        self.assertEqual(self.refused(proxy, "client_limit"), 1)
        hold.set()
        self.assertEqual([client.read_answer().status for client in busy], [200, 200])
        self.assertEqual(greedy.ask().status, 200, "the same connection, once there is room")
        busy[0].reset()
        for _ in range(20):  # what ended was counted down, however it ended
            self.assertEqual(greedy.ask().status, 200)

    def test_clients_behind_a_listed_proxy_are_told_apart(self):
        hold = threading.Event()
        self.addCleanup(hold.set)

        def script(conn):
            while True:
                request = conn.read_request()
                if request.target == "/hold":
                    hold.wait(8)
                conn.answer()

        up = self.upstream(script)
        proxy = self.front(up, limits={"per_client": 1}, trusted_proxies=["127.0.0.1/32"])
        busy = self.client(proxy)
        busy.send(b"GET /hold HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
        up.wait_requests(1)
        client = self.client(proxy)
        self.assert_overloaded(client.ask(fields="X-Forwarded-For: 192.0.2.1\r\n"))
        self.assertEqual(client.ask(fields="X-Forwarded-For: 192.0.2.2\r\n").status, 200)

    def test_requests_at_one_endpoint(self):
        hold = threading.Event()
        self.addCleanup(hold.set)
        up = self.upstream(lambda conn: (conn.read_request(), hold.wait(8), conn.answer()))
        proxy = self.front(up, limits={"per_endpoint": 1})
        busy = self.client(proxy)
        busy.send(GET)
        up.wait_requests(1)
        self.assert_overloaded(self.client(proxy).ask())
        self.assertEqual(self.refused(proxy, "endpoint_limit"), 1)
        self.assert_online(proxy)

    def test_connections_on_their_way_to_an_endpoint(self):
        full = socket.socket()  # its queue is full: a connect neither succeeds nor fails
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        filling = []
        self.addCleanup(full.close)
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
            filling.append(sock)
            self.addCleanup(sock.close)
        config = self.config({"name": "full", "url": f"http://127.0.0.1:{full.getsockname()[1]}"}, probe={**wire.PROBE_BY_TCP, "interval": "60s", "timeout": "30s"},
                             limits={"pending_connects": 1}, timeouts={"connect": "1s"})
        proxy = self.proxy(config)
        clients = [self.client(proxy) for _ in range(4)]
        for client in clients:  # one tries at a time, for a second; the others wait a second for their turn
            client.send(GET)
        answers = [client.read_answer() for client in clients]
        turned_away = [answer for answer in answers if answer.status == 503 and b"pending_connects" in answer.body]
        self.assertGreaterEqual(len(turned_away), 2)
        self.assert_overloaded(turned_away[0])
        self.assertEqual(self.refused(proxy, "connect_limit"), len(turned_away))

    def test_a_burst_is_let_through_in_portions(self):
        proxy = self.front(self.upstream(), limits={"pending_connects": 20})
        clients = [self.client(proxy) for _ in range(100)]
        for client in clients:
            client.send(GET)
        self.assertEqual([client.read_answer().status for client in clients], [200] * 100)
        self.assertEqual(self.refused(proxy, "connect_limit"), 0)


class TooSlow(Overload):
    QUICK = {"body": "1s", "write": "1s", "head": "1s"}

    def test_a_body_that_trickles_is_408(self):
        up = self.upstream()
        proxy = self.front(up, timeouts=self.QUICK, limits={"min_rate": "1000B/s"})
        client = self.client(proxy)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        begun = time.monotonic()
        while not select.select([client.sock], [], [], 0.1)[0]:  # ten bytes each 0.1 s: never a second without progress
            self.assertLess(time.monotonic() - begun, wire.LIMIT)
            client.send(b"x" * 10)
        self.assertEqual(client.read_answer().status, 408)
        self.assertEqual(self.refused(proxy, "too_slow"), 1)
        self.assert_online(proxy)

    def test_chunks_that_trickle_are_408(self):
        proxy = self.front(self.upstream(), timeouts=self.QUICK, limits={"min_rate": "1000B/s"})
        client = self.client(proxy)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        begun = time.monotonic()
        while not select.select([client.sock], [], [], 0.1)[0]:
            self.assertLess(time.monotonic() - begun, wire.LIMIT)
            client.send(b"1;" + b"e" * 200 + b"\r\nx\r\n")  # extensions are no progress
        self.assertEqual(client.read_answer().status, 408)

    def test_a_start_whose_body_trickles_is_408(self):
        proxy = self.front(self.upstream(), timeouts=self.QUICK, limits={"min_rate": "1000B/s"},
                           durable={"task_hub": "shared", "ledger": {"mode": "memory"}})
        client = self.client(proxy)
        client.send(b"POST /runtime/webhooks/durabletask/orchestrators/F HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        begun = time.monotonic()
        while not select.select([client.sock], [], [], 0.1)[0]:
            self.assertLess(time.monotonic() - begun, wire.LIMIT)
            client.send(b"x" * 10)
        self.assertEqual(client.read_answer().status, 408)

    def test_a_body_at_the_rate_is_served_however_long_it_takes(self):
        proxy = self.front(self.upstream(), timeouts=self.QUICK, limits={"min_rate": "1000B/s"})
        client = self.client(proxy)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 15000\r\n\r\n")
        for _ in range(30):  # three times the grace, at five times the rate
            self.assertFalse(select.select([client.sock], [], [], 0.1)[0])
            client.send(b"x" * 500)
        self.assertEqual(client.read_answer().status, 200)
        self.assertEqual(self.refused(proxy, "too_slow"), 0)

    def test_a_reader_that_trickles_is_let_go(self):
        sent = threading.Event()

        def script(conn):
            conn.read_request()
            try:
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 400000000\r\n\r\n")
                for _ in range(4000):
                    conn.send(bytes(100_000))
            except OSError:
                sent.set()

        proxy = self.front(self.upstream(script), timeouts=self.QUICK, limits={"min_rate": "1MB/s"})
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        sock.connect(("127.0.0.1", int(proxy.url.rsplit(":", 1)[1])))
        client = wire.Client(sock)
        self.addCleanup(client.close)
        client.send(GET)
        begun = time.monotonic()
        while not sent.wait(0.05):  # some 300 KB each second: progress all the time, below the rate
            self.assertLess(time.monotonic() - begun, wire.LIMIT)
            try:
                client.sock.recv(16384)
            except ConnectionError:
                break
        self.assertTrue(sent.wait(wire.LIMIT), "the upstream to be let go")
        self.assertEqual(self.refused(proxy, "too_slow"), 1)
        self.assert_online(proxy)

    def test_what_an_upstream_does_not_say_is_not_the_clients_fault(self):
        step = threading.Event()

        def script(conn):
            conn.read_request()
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            for i in range(4):
                conn.send(f"data: {i}\n\n")
                step.wait(0.7)

        proxy = self.front(self.upstream(script), timeouts=self.QUICK, limits={"min_rate": "1MB/s"})
        client = self.client(proxy)
        client.send(GET)
        self.assertEqual(client.read_answer().body.count(b"data:"), 4)

    def test_a_stream_both_ways_owes_no_rate(self):
        """The upstream answers first; then each side says a little now and then."""

        def script(conn):
            conn.read_head()
            conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for i in range(5):
                conn.read_chunk()
                conn.send(b"1\r\n%d\r\n" % i)
            conn.send(b"0\r\n\r\n")

        proxy = self.front(self.upstream(script), timeouts=self.QUICK, limits={"min_rate": "1MB/s"})
        client = self.client(proxy)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.read_head()
        for i in range(5):
            client.quiet(0.6)
            client.send(b"1\r\nx\r\n")
            self.assertEqual(client.read_chunk(), b"%d" % i)
        self.assertEqual(client.read_chunk(), b"")

    def test_an_upstream_that_does_not_read_is_not_the_clients_fault(self):
        step = threading.Event()

        def script(conn):
            request = conn.read_head()
            step.wait(2.5)
            conn.read_exact(int(request.get("Content-Length")))
            conn.answer()

        proxy = self.front(self.upstream(script), timeouts={**self.QUICK, "write": "8s"}, limits={"min_rate": "1MB/s"})
        client = self.client(proxy)
        size = 30_000_000
        client.send(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode() + bytes(size))
        self.assertEqual(client.read_answer().status, 200)


class Descriptors(Overload):
    def shrink(self, proxy, spare: int) -> None:
        limit = descriptors(proxy.pid) + spare
        resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (limit, resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE)[1]))

    def test_without_descriptors_it_waits_and_goes_on_when_there_are_some(self):
        proxy = self.front(self.upstream())
        self.assertEqual(self.client(proxy).ask().status, 200)
        self.shrink(proxy, 8)
        idle = [self.client(proxy) for _ in range(30)]  # the kernel's queue takes what the proxy cannot
        waiting = self.client(proxy)
        waiting.send(GET)
        before = cpu_seconds(proxy.pid)
        self.assertTrue(waiting.quiet(1.5))
        self.assertLess(cpu_seconds(proxy.pid) - before, 0.5, "it spins")
        for client in idle:
            client.close()
        self.assertEqual(waiting.read_answer().status, 200)
        support.wait_until(lambda: self.client(proxy).ask().status == 200, what="new clients")
        self.assertGreater(proxy.metric("understudy_client_accept_pauses_total"), 0)
        self.assertIn("out_of_descriptors", [alert["kind"] for alert in proxy.status()["alerts"]])
        self.assert_online(proxy)

    def test_a_request_that_gets_no_connection_for_want_of_descriptors_is_503_and_no_evidence(self):
        proxy = self.front(self.upstream(), probe={**wire.PROBE_BY_TCP, "interval": "300ms", "timeout": "200ms"})
        self.shrink(proxy, 6)
        clients = [self.client(proxy) for _ in range(20)]
        for client in clients[:3]:
            client.send(GET)
        answers = [client.read_answer() for client in clients[:3]]
        refused = [answer for answer in answers if answer.status == 503]
        self.assertEqual({answer.status for answer in answers} - {200, 503}, set())
        self.assertTrue(refused)
        for answer in refused:
            self.assert_overloaded(answer)
        for client in clients[3:]:
            client.close()
        support.wait_until(lambda: self.client(proxy).ask().status == 200, what="a good answer")
        self.assertGreaterEqual(self.refused(proxy, "out_of_descriptors"), len(refused))
        self.assert_online(proxy)
        self.assertEqual([e for e in proxy.events() if e["kind"] == "health" and e.get("to") == "Degraded"], [])


class Crowd(Overload):
    def crowd(self, proxy, count: int, data: bytes) -> list[socket.socket]:
        address = ("127.0.0.1", int(proxy.url.rsplit(":", 1)[1]))
        socks = []
        for i in range(count):
            sock = socket.socket()
            self.addCleanup(sock.close)
            sock.bind((f"127.0.{1 + i % 8}.1", 0))
            sock.settimeout(wire.LIMIT)
            sock.connect(address)
            if data:
                sock.send(data)
                self.assertEqual(sock.recv(65536)[:12], b"HTTP/1.1 200")
            socks.append(sock)
        return socks

    def times(self, client: wire.Client, count: int) -> list[float]:
        out = []
        for _ in range(count):
            begun = time.monotonic()
            self.assertEqual(client.ask().status, 200)
            out.append((time.monotonic() - begun) * 1000)
        return sorted(out)

    def test_a_normal_client_beside_five_thousand_silent_and_five_thousand_idle_ones(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard < 12000:
            self.skipTest(f"the hard limit of open files is {hard}; 12000 are needed")
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (12000, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, soft)
        proxy = self.front(self.upstream(), limits={"connections": 11000}, timeouts={"head": "60s", "idle": "60s"})
        client = self.client(proxy)
        alone = self.times(client, 300)
        before = resident_kib(proxy.pid)
        silent = self.crowd(proxy, 5000, b"")
        idle = self.crowd(proxy, 5000, GET)
        support.wait_until(lambda: proxy.metric("understudy_client_connections") >= 10001, what="ten thousand connections")
        grown = resident_kib(proxy.pid) - before
        beside = self.times(client, 300)
        print(f"\n10,000 connections: {grown * 1024 // 10000} bytes each; a normal client's p50 {alone[150]:.2f} ms alone,"
              f" {beside[150]:.2f} ms beside them, p99 {alone[297]:.2f} and {beside[297]:.2f} ms", flush=True)
        self.assertLess(grown, 10000 * 2, "2 KiB a connection")
        for sock in silent + idle:
            sock.close()
        support.wait_until(lambda: proxy.metric("understudy_client_connections") <= 1, what="them to be gone")
        self.assertEqual(client.ask().status, 200)


@unittest.skipUnless(ALL, "a minute: ./dev test --all")
class SlowHttpTest(Overload):
    """The attacks by the tool that made them known, beside a client that must not notice."""

    def attack(self, path: str, *arguments: str):
        if not shutil.which("slowhttptest"):
            self.skipTest("slowhttptest is not installed")

        def script(conn):
            while True:
                request = conn.read_request()
                conn.answer(200, bytes(2_000_000) if request.target == "/large" else b"ok")

        proxy = self.front(self.upstream(script), limits={"min_rate": "2KiB/s", "connections": 4000},
                           timeouts={"head": "3s", "body": "3s", "write": "3s"})
        client = self.client(proxy)
        tool = subprocess.Popen(["slowhttptest", "-c", "500", "-r", "250", "-l", "15", "-i", "1", "-p", "5", *arguments, "-u", proxy.url + path],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder)
        self.addCleanup(tool.kill)
        took = []
        while tool.poll() is None:
            begun = time.monotonic()
            self.assertEqual(client.ask().status, 200)
            took.append((time.monotonic() - begun) * 1000)
            select.select([], [], [], 0.01)
        took.sort()
        print(f"\nslowhttptest {' '.join(arguments)}: {len(took)} answers beside it, p50 {statistics.median(took):.2f} ms,"
              f" p99 {took[len(took) * 99 // 100]:.2f} ms", flush=True)
        self.assert_online(proxy)
        support.wait_until(lambda: proxy.metric("understudy_client_connections") <= 2, what="the attackers to be gone")

    def test_slow_heads(self):
        self.attack("/", "-H")

    def test_slow_bodies(self):
        self.attack("/", "-B", "-s", "100000")

    def test_slow_readers(self):
        self.attack("/large", "-X", "-w", "64", "-y", "256", "-n", "1", "-z", "16")


if __name__ == "__main__":
    unittest.main()
