"""Outages as clients see them: who answers, when, and what is never done twice. Real clocks, short waits."""

import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import outage
import support
import wire
from support import Answer, EndToEnd, request, wait_until

ALL = os.environ.get("UNDERSTUDY_ALL") == "1"
SLOW = unittest.skipUnless(ALL, "slow: set UNDERSTUDY_ALL=1 (./dev test --all)")


def transitions(proxy: support.Proxy) -> tuple[int, int]:
    """Failovers and failbacks since the proxy started."""
    return tuple(int(proxy.metric("understudy_transitions_total", kind=kind)) for kind in ("failover", "failback"))


class Pair(EndToEnd):
    """A proxy before two small stand-ins of this process."""

    def start(self, **changes) -> support.Proxy:
        self.primary, self.secondary = self.stand_in("primary"), self.stand_in("secondary")
        self.running = self.proxy(self.config(self.primary, self.secondary, **changes))
        wait_until(lambda: all(e["monitorStatus"] == "Online" for e in self.running.status()["endpoints"]), what="online")
        return self.running

    def who(self, client: str = "anybody", **options) -> str:
        return self.running.get("/", {"X-Client": client}, **options).text


class Health(Pair):
    def test_a_bad_probe_moves_traffic_and_a_good_one_brings_it_back_after_the_wait(self):
        self.start(failback={"healthy_for": "1s"})
        self.primary.health = Answer(500)
        self.running.wait_for_active("secondary")
        self.assertEqual(self.who(), "secondary")
        self.primary.health = Answer()
        self.running.wait_for_status("primary", "Online")
        online = time.monotonic()
        self.assertEqual(self.who(), "secondary")  # Online, but not for long enough
        self.running.wait_for_active("primary")
        waited = time.monotonic() - online
        self.assertGreater(waited, 0.8)
        self.assertLess(waited, 2.5)
        self.assertEqual(self.who(), "primary")
        self.assertEqual(transitions(self.running), (1, 1))

    def test_one_route_that_answers_503_never_causes_a_failover(self):
        self.start()
        self.primary.answer = lambda handler: Answer(503) if handler.path.startswith("/bad") else Answer()
        for _ in range(60):
            self.assertEqual(self.running.get("/bad").text, "secondary")  # that request is tried there
            self.assertEqual(self.running.post("/bad", b"x").status, 503)
        self.assertEqual(self.who(), "primary")
        endpoint = self.running.endpoint("primary")
        self.assertEqual((endpoint["monitorStatus"], endpoint["active"]), ("Online", True))
        self.assertEqual(transitions(self.running), (0, 0))

    def test_a_crash_is_noticed_by_traffic_before_a_probe_would(self):
        self.start(probe={"path": "/health", "interval": "30s", "timeout": "5s", "required_passes": 1})
        self.assertEqual(self.who(), "primary")
        self.primary.stop()
        began = time.monotonic()
        self.assertEqual([self.who() for _ in range(5)], ["secondary"] * 5)
        self.assertLess(time.monotonic() - began, 2)
        self.running.wait_for_active("secondary", 3)
        self.assertEqual(self.running.post("/", b"x").text, "secondary")

    def test_a_crash_loop_is_one_failover_and_one_failback(self):
        self.start(failback={"healthy_for": "1s", "flap_max": "2s"})
        for _ in range(4):
            self.primary.stop()
            wait_until(lambda: self.running.endpoint("primary")["monitorStatus"].startswith("Degraded"), what="degraded")
            self.primary.start()
            self.running.wait_for_status("primary", "Online")
            self.assertEqual(self.who(), "secondary")
        self.running.wait_for_active("primary", 6)
        self.assertEqual(transitions(self.running), (1, 1))

    def test_when_all_are_degraded_the_best_one_serves_and_says_so(self):
        self.start()
        self.primary.health = self.secondary.health = Answer(500)
        wait_until(lambda: self.running.metric("understudy_all_degraded") == 1, what="all degraded")
        answer = self.running.get("/")
        self.assertEqual((answer.status, answer.text), (200, "primary"))
        self.assertIn("best effort", answer.headers["X-Understudy-Warning"])
        self.running.wait_line("alert .*every endpoint is degraded")
        self.secondary.health = Answer()
        self.running.wait_for_active("secondary")
        answer = self.running.get("/")
        self.assertEqual((answer.text, answer.headers["X-Understudy-Warning"]), ("secondary", None))

    def test_when_all_are_degraded_it_may_be_unavailable_instead(self):
        self.start(routing={"all_degraded": "unavailable"})
        self.primary.health = self.secondary.health = Answer(500)
        for name in ("primary", "secondary"):
            self.running.wait_for_status(name, "Degraded")
        wait_until(lambda: self.running.status()["active"]["endpoint"] is None, what="no active endpoint")
        seen = len(self.primary.requests) + len(self.secondary.requests)
        answer = self.running.get("/")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (503, "application/problem+json"))
        self.assertGreater(int(answer.headers["Retry-After"]), 0)
        self.assertEqual(answer.json()["kind"], "no_endpoint")
        self.assertEqual(len(self.primary.requests) + len(self.secondary.requests), seen)


class Sticky(Pair):
    """The TTL behaves as a DNS resolver's cache would: 3 seconds, on a real clock."""

    STICKY = {"ttl": "3s", "client": "header", "header": "X-Client"}

    def moved(self, client: str, to: str, since: float) -> float:
        """Asks all the time until `to` answers; seconds from `since`."""
        wait_until(lambda: self.who(client) == to, 8, f"{to} to answer {client}", 0.05)
        return time.monotonic() - since

    def test_release_leaves_a_dead_endpoint_at_once_and_follows_the_failback_when_the_ttl_ends(self):
        self.start(stickiness={**self.STICKY, "on_degraded": "release"})
        self.assertEqual(self.who("ann"), "primary")
        self.primary.health = Answer(500)
        self.running.wait_for_active("secondary")
        self.assertEqual(self.who("ann"), "secondary")
        answered = time.monotonic()
        self.primary.health = Answer()
        self.running.wait_for_active("primary")
        self.assertLess(time.monotonic() - answered, 2.5)
        self.assertEqual(self.who("bob"), "primary")  # asks anew
        self.assertEqual(self.who("ann"), "secondary")  # keeps its answer
        waited = self.moved("ann", "primary", answered)  # though it asks all the time: not extended by use
        self.assertGreater(waited, 2.5)
        self.assertLess(waited, 3.9)

    def test_hold_keeps_going_to_a_dead_endpoint_until_the_ttl_ends(self):
        self.start(stickiness={**self.STICKY, "on_degraded": "hold"})
        asked = time.monotonic()
        self.assertEqual(self.who("ann"), "primary")
        self.primary.health = Answer(500)  # it still answers requests
        self.running.wait_for_active("secondary")
        self.assertLess(time.monotonic() - asked, 2.5)
        self.assertEqual(self.who("bob"), "secondary")
        self.assertEqual(self.who("ann"), "primary")
        waited = self.moved("ann", "secondary", asked)
        self.assertGreater(waited, 2.5)
        self.assertLess(waited, 3.9)

    def test_hold_shows_the_failure_of_a_dead_endpoint_instead_of_moving_on(self):
        self.start(stickiness={**self.STICKY, "on_degraded": "hold"})
        asked = time.monotonic()
        self.assertEqual(self.who("ann"), "primary")
        self.primary.stop()
        answer = self.running.get("/", {"X-Client": "ann"})
        self.assertEqual((answer.status, answer.json()["endpoint"]), (502, "primary"))
        wait_until(lambda: self.who("bob") == "secondary", what="others to be served")
        self.assertGreater(self.moved("ann", "secondary", asked), 2.5)


class Rescue(EndToEnd):
    """Real processes: a stopped process accepts connections and says nothing."""

    def start(self, **changes) -> support.Proxy:
        storage = self.storage()
        self.primary, self.secondary = self.app("primary", storage), self.app("secondary", storage)
        probe = {"path": "/api/health", "interval": "500ms", "timeout": "500ms", "doubt_interval": "100ms",
                 "tolerated_failures": 1, "required_passes": 2}
        endpoints = [{"name": name, "url": app.url} for name, app in (("primary", self.primary), ("secondary", self.secondary))]
        self.running = self.proxy(self.config(*endpoints, **{"probe": probe, **changes}))
        wait_until(lambda: all(e["monitorStatus"] == "Online" for e in self.running.status()["endpoints"]), what="online")
        return self.running

    def test_waiting_gets_move_on_when_the_primary_turns_degraded_and_posts_do_not(self):
        self.start(timeouts={"first_byte": "4s"})
        warm = [http.client.HTTPConnection("127.0.0.1", int(self.running.url.rsplit(":", 1)[1])) for _ in range(3)]
        for connection in warm:  # so that some of the frozen requests wait on pooled connections
            connection.request("GET", "/api/echo")
            connection.getresponse().read()
            connection.close()
        self.primary.freeze()
        answers, posted = [], []
        frozen_at = time.monotonic()

        def get():
            answers.append((self.running.get("/api/echo").headers["X-Served-By"], time.monotonic() - frozen_at))

        threads = [threading.Thread(target=get) for _ in range(12)]
        threads.append(threading.Thread(target=lambda: posted.append(self.running.post("/api/sink", b"once"))))
        for thread in threads:
            thread.start()
        for thread in threads[:-1]:
            thread.join(10)
        degraded = time.monotonic() - frozen_at
        self.assertEqual({who for who, _ in answers}, {"secondary"})
        self.assertEqual(len(answers), 12)
        self.assertLess(degraded, 3.5, "rescued when the probes had failed, before first_byte")
        self.assertEqual(posted, [], "the POST may have run: it waits")
        threads[-1].join(10)
        answer = posted[0]
        self.assertEqual((answer.status, answer.headers["X-Understudy-Outcome"], answer.json()["endpoint"]), (504, "unknown", "primary"))
        self.assertGreaterEqual(self.running.metric("understudy_rescues_total", endpoint="primary"), 12)
        self.primary.thaw()
        self.running.wait_for_active("primary")
        self.assertEqual(self.running.get("/api/echo").headers["X-Served-By"], "primary")
        self.assertEqual(transitions(self.running), (1, 1))

    def test_an_upload_that_a_frozen_endpoint_does_not_take_is_bounded(self):
        self.start(timeouts={"first_byte": "2s", "write": "1s"})
        self.primary.freeze()
        client = wire.Client(socket.create_connection(("127.0.0.1", int(self.running.url.rsplit(":", 1)[1]))))
        self.addCleanup(client.close)
        began = time.monotonic()
        try:
            client.send(b"POST /api/sink HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n" + bytes(20_000_000))
        except ConnectionError:
            pass  # answered and closed before all of it was taken
        answer = client.read_answer("POST")
        self.assertEqual((answer.status, answer.get("X-Understudy-Outcome")), (504, "unknown"))
        self.assertLess(time.monotonic() - began, 8)
        self.primary.thaw()

    def test_the_management_urls_of_both_starters_point_at_the_proxy(self):
        self.start()
        for path in ("/api/orchestrators/hello", "/runtime/webhooks/durabletask/orchestrators/hello"):
            with self.subTest(path):
                answer = self.running.post(path, {"steps": 1})
                self.assertEqual(answer.status, 202, answer.text)
                urls = {key: value for key, value in answer.json().items() if key.endswith("Uri")}
                self.assertGreaterEqual(len(urls), 5)
                for key, value in urls.items():
                    self.assertTrue(value.startswith(self.running.url + "/"), f"{key}: {value}")
                if answer.headers["Location"]:
                    self.assertTrue(answer.headers["Location"].startswith(self.running.url + "/"))
                poll = lambda: request("GET", answer.json()["statusQueryGetUri"])
                wait_until(lambda: poll().json().get("runtimeStatus") == "Completed", 15, "the orchestration to complete")
                location = poll().headers["Location"]
                self.assertTrue(location is None or location.startswith(self.running.url + "/"))

    def test_a_start_in_flight_when_the_primary_is_killed_is_unknown_not_repeated(self):
        self.start()
        request("POST", f"{self.primary.url}/_control/slow?ms=3000")
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.running.post("/api/orchestrators/hello")))
        thread.start()
        wait_until(lambda: self.running.endpoint("primary")["inFlight"] == 1, what="the start to be in flight")
        time.sleep(0.1)  # the bytes are in the primary's socket
        self.primary.kill()
        thread.join(10)
        self.assertEqual((answers[0].status, answers[0].headers["X-Understudy-Outcome"]), (504, "unknown"))
        self.assertEqual(self.running.post("/api/orchestrators/hello").status, 202)  # new ones go to the secondary

    def test_a_stopped_or_offline_app_moves_starts_on(self):
        self.start(probe={"protocol": "tcp", "interval": "5s", "timeout": "1s"})
        for state in ("stopped", "offline"):
            request("POST", f"{self.primary.url}/_control/state/{state}")
            answer = self.running.post("/api/orchestrators/hello")
            self.assertEqual((answer.status, answer.headers["X-Understudy-Outcome"]), (202, None), state)
            self.assertEqual(self.running.get("/api/echo").headers["X-Served-By"], "secondary")
            request("POST", f"{self.primary.url}/_control/state/running")


class Operation(Pair):
    def test_reloads_under_load_drop_nothing(self):
        self.start()
        path = self.folder / "understudy.json"
        stop, troubles, count = threading.Event(), [], [0] * 8

        def load(number: int):
            kept = None
            while not stop.is_set():
                try:
                    connection = kept or http.client.HTTPConnection("127.0.0.1", int(self.running.url.rsplit(":", 1)[1]), timeout=8)
                    connection.request("POST" if number == 3 else "GET", "/", b"x" if number == 3 else None)
                    answer = connection.getresponse()
                    if (answer.status, answer.read()) not in ((200, b"primary"), (200, b"secondary")):
                        troubles.append(answer.status)
                    kept = connection if number % 2 else connection.close()
                    count[number] += 1
                except (OSError, http.client.HTTPException) as error:
                    troubles.append(repr(error))
                    kept = None
            if kept:
                kept.close()

        threads = [threading.Thread(target=load, args=(i,)) for i in range(len(count))]
        for thread in threads:
            thread.start()
        for turn in range(1, 9):
            order = (self.primary, self.secondary) if turn % 2 else (self.secondary, self.primary)
            changed = self.config(*order, stickiness={"ttl": f"{turn}s"}, timeouts={"connect": f"{turn}s"})
            path.write_text(json.dumps(changed))
            self.running.signal(signal.SIGHUP)
            wait_until(lambda: self.running.metric("understudy_config_reloads_total", result="ok") == turn, what="the reload")
        stop.set()
        for thread in threads:
            thread.join(10)
        self.assertEqual(troubles, [])
        self.assertGreater(min(count), 0)
        self.assertTrue(self.running.running(), self.running.text)

    def test_a_drain_finishes_what_is_in_flight_and_refuses_what_is_new(self):
        self.start()
        going, release = threading.Event(), threading.Event()

        def answer(handler):
            if handler.path != "/slow":
                return Answer()
            going.set()
            release.wait(8)
            return Answer(body="finished")

        self.primary.answer = answer
        port = int(self.running.url.rsplit(":", 1)[1])
        idle = wire.Client(socket.create_connection(("127.0.0.1", port)))
        self.addCleanup(idle.close)
        self.assertEqual(idle.ask().status, 200)
        busy = wire.Client(socket.create_connection(("127.0.0.1", port)))
        self.addCleanup(busy.close)
        busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(going.wait(5))
        self.running.terminate()
        self.assertTrue(idle.ended(5), "idle connections are closed")

        def refused():
            try:
                socket.create_connection(("127.0.0.1", port), 2).close()
                return False
            except ConnectionRefusedError:
                return True

        wait_until(refused, 5, "new connections to be refused")
        self.assertTrue(self.running.running())
        release.set()
        answer = busy.read_answer()
        self.assertEqual((answer.text, answer.get("Connection")), ("finished", "close"))
        self.assertTrue(busy.ended())
        self.assertEqual(self.running.wait(), 0)

    def test_a_drain_ends_at_its_limit_though_a_request_hangs(self):
        self.start(timeouts={"drain": "500ms"})
        going = threading.Event()
        self.primary.answer = lambda handler: (going.set(), handler.server.open_sockets and threading.Event().wait(6), Answer())[2]
        busy = wire.Client(socket.create_connection(("127.0.0.1", int(self.running.url.rsplit(":", 1)[1]))))
        self.addCleanup(busy.close)
        busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(going.wait(5))
        began = time.monotonic()
        self.running.terminate()
        self.running.wait(8)
        self.assertLess(time.monotonic() - began, 4)


class Memory(wire.WireTest):
    """200 MB through a stalled peer: what was accepted from one side waits in bounded buffers."""

    SIZE = 200 * 1000 * 1000
    GROWTH = 16 * 1024 * 1024

    def resident(self, what: str = "VmRSS") -> int:
        with open(f"/proc/{self.running.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(what + ":"))

    def sanitized(self) -> bool:
        with open(f"/proc/{self.running.pid}/maps") as maps:
            return "libasan" in maps.read() or self.resident("VmSize") > 1 << 40

    def assert_flat(self, before: int, what: str):
        growth = self.resident("VmHWM") - before  # the peak, not only the end
        print(f"\n  {what}: {self.SIZE // 1000000} MB, peak resident growth {growth / 2**20:.1f} MiB", file=sys.stderr)
        if not self.sanitized():
            self.assertLess(growth, self.GROWTH)

    def test_an_upload_through_an_upstream_that_stalls(self):
        stalled, go = threading.Event(), threading.Event()
        total = [0]

        def script(conn):
            conn.read_request()  # the first one, for comparison
            conn.answer()
            conn.read_head()
            conn.read_exact(100_000)
            stalled.set()
            go.wait(9)
            total[0] = 100_000 + len(conn.buffer)
            conn.buffer.clear()
            view = bytearray(1 << 20)
            while total[0] < self.SIZE:
                got = conn.sock.recv_into(view)
                if not got:
                    return
                total[0] += got
            conn.answer(200, str(total[0]))

        self.running = self.front(self.upstream(script))
        client = self.client(self.running)
        client.ask()
        before = self.resident()
        block = bytes(1 << 20)

        def send():
            client.send(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {self.SIZE}\r\n\r\n")
            left = self.SIZE
            while left:
                client.sock.sendall(block[:min(left, len(block))])
                left -= min(left, len(block))

        client.sock.settimeout(30)
        sender = threading.Thread(target=send)
        sender.start()
        self.assertTrue(stalled.wait(15), f"the upstream never got the upload; the proxy said:\n{self.running.text[-4000:]}")
        sender.join(1)  # everything that buffers take is on its way by now
        self.assertTrue(sender.is_alive(), "back-pressure reaches the client")
        go.set()
        self.assertEqual(client.read_answer("POST").text, str(self.SIZE))
        sender.join(10)
        self.assert_flat(before, "upload")

    def test_a_download_through_a_client_that_stalls(self):
        sent = [0]

        def script(conn):
            conn.read_request()
            conn.answer()
            conn.read_request()
            conn.send(f"HTTP/1.1 200 OK\r\nContent-Length: {self.SIZE}\r\n\r\n")
            conn.sock.settimeout(30)
            block = bytes(1 << 20)
            while sent[0] < self.SIZE:
                step = min(len(block), self.SIZE - sent[0])
                conn.sock.sendall(block[:step])
                sent[0] += step

        self.running = self.front(self.upstream(script))
        client = self.client(self.running)
        client.ask()
        before = self.resident()
        client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(client.read_head().status, 200)
        last = -1
        while last != sent[0]:  # until the upstream is stuck
            last = sent[0]
            time.sleep(0.5)
        self.assertLess(sent[0], self.SIZE // 2, "back-pressure reaches the upstream")
        total, view = len(client.buffer), bytearray(1 << 20)
        while total < self.SIZE:
            got = client.sock.recv_into(view)
            self.assertGreater(got, 0)
            total += got
        self.assertEqual(total, self.SIZE)
        self.assert_flat(before, "download")


class Outage(unittest.TestCase):
    def verdict(self, fault: str, **options):
        row = outage.measure(fault, **options)
        print(f"\n  {row.line()}", file=sys.stderr)
        self.assertEqual(row.misses(spare_s=0.5), [], row.line())  # to the millisecond: ./dev outage

    def test_a_short_kill_is_not_noticed_by_any_get(self):
        self.verdict("kill", fault_at=1, fault_for=3, seconds=4, healthy_for="1s")

    def test_a_short_freeze_is_not_noticed_by_any_get(self):
        self.verdict("freeze", fault_at=1, fault_for=5, seconds=6, healthy_for="1s")

    @SLOW
    def test_no_fault_of_twelve_seconds_is_noticed_by_any_get(self):
        for fault in outage.FAULTS:
            with self.subTest(fault):
                self.verdict(fault)


if __name__ == "__main__":
    unittest.main()
