"""What the proxy refuses before a byte of it reaches an upstream, and what it passes on, on the wire.

Each refused row is sent twice: alone, and with a valid request pipelined behind it. Either way the
client gets one problem document and the end of the connection, and the upstream nothing. That it got
nothing is known without waiting: a request sent afterwards is the only thing it has seen, and one
worker serves all of them in order."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
import wire
from framing_cases import ACCEPTED, BEHIND, REFUSED, chunked, post


class Framing(wire.WireTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.executable("understudy")

    def setUp(self):
        super().setUp()
        self.up = self.upstream()
        self.running = self.front(self.up)
        self.sentinels = 0

    def assert_nothing_arrived(self):
        """A request made now is all that the upstream has seen since the last time."""
        before = len(self.up.received())
        self.sentinels += 1
        target = f"/sentinel-{self.sentinels}"
        client = wire.Client(wire.socket.create_connection(("127.0.0.1", int(self.running.url.rsplit(":", 1)[1]))))
        self.assertEqual(client.ask(target=target).status, 200)
        client.close()
        fresh = self.up.received()[before:]
        self.assertTrue(fresh.startswith(f"GET {target} HTTP/1.1\r\n".encode()), fresh[:200])
        self.assertEqual(fresh.count(b"HTTP/1.1\r\n"), 1, fresh[:400])

    def refuse(self, data: bytes, status: int):
        client = self.client(self.running)
        try:
            client.send(data)
            everything = client.read_to_end()
        except ConnectionError:  # it had answered and closed before all of a large head was sent
            everything = client.read_to_end(gently=False)
        client.close()
        head, _, body = everything.partition(b"\r\n\r\n")
        answer = wire.parse_head(head + b"\r\n\r\n")
        self.assertEqual(answer.status, status, everything[:300])
        self.assertEqual(answer.get("Content-Type"), "application/problem+json")
        self.assertEqual(answer.get("Connection"), "close")
        problem = json.loads(body)  # one document, and nothing behind it
        self.assertEqual(problem["status"], status)
        self.assertTrue(problem["detail"])
        self.assertEqual(len(body), int(answer.get("Content-Length")))

    def test_there_are_enough_cases(self):
        self.assertGreaterEqual(len(REFUSED), 200)
        self.assertTrue(all(source for _, source, _, _ in REFUSED))
        names = [row[0] for row in REFUSED + ACCEPTED]
        self.assertEqual(len(names), len(set(names)))

    def test_what_is_refused_gets_a_problem_and_the_end_and_reaches_nobody(self):
        self.assert_nothing_arrived()
        for name, source, data, status in REFUSED:
            with self.subTest(name, source=source):
                before = len(self.up.received())
                self.refuse(data, status)
                self.assertEqual(len(self.up.received()), before)
                self.assert_nothing_arrived()

    def test_a_valid_request_behind_a_refused_one_is_not_served(self):
        for name, source, data, status in REFUSED:
            with self.subTest(name, source=source):
                self.refuse(data + BEHIND, status)
                self.assert_nothing_arrived()
        self.assertNotIn(b"smuggled", self.up.received())

    def test_a_refusal_behind_a_valid_request_leaves_that_one_alone(self):
        client = self.client(self.running)
        client.send(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n" + post(b"Content-Length: +1\r\n", b"x") + BEHIND)
        self.assertEqual(client.read_answer().status, 200)
        self.assertEqual(client.read_answer().status, 400)
        self.assertTrue(client.ended())
        self.assertEqual([r.target for r in self.up.requests], ["/first"])

    def test_what_is_accepted_arrives_byte_for_byte(self):
        for name, data, request_line, body in ACCEPTED:
            with self.subTest(name):
                count = len(self.up.requests)
                client = self.client(self.running)
                client.send(data)
                self.assertEqual(client.read_answer().status, 200)
                request = self.up.wait_requests(count + 1)[-1]
                self.assertEqual(len(self.up.requests), count + 1)
                self.assertEqual(request.start, request_line)
                self.assertEqual(request.body, body)
                self.assertEqual(len(request.all("Host")), 1)
                self.assertEqual(request.trailers, [])
                client.close()

    def test_what_follows_an_accepted_body_is_the_next_request(self):
        for name, data, request_line, body in ACCEPTED:
            if b"HTTP/1.0" in data:
                continue
            with self.subTest(name):
                count = len(self.up.requests)
                client = self.client(self.running)
                client.send(data + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertEqual(client.read_answer().status, 200)
                self.assertEqual(client.read_answer().status, 200)
                requests = self.up.wait_requests(count + 2)[count:]
                self.assertEqual([r.start for r in requests], [request_line, "GET /next HTTP/1.1"])
                client.close()

    def test_a_chunk_that_turns_out_bad_later_never_completes_at_the_upstream(self):
        client = self.client(self.running)
        client.send(chunked(b"3\r\nabc\r\n"))
        conn = support.wait_until(lambda: next((c for c in self.up.used() if b"abc" in c.seen), None), what="the chunk")
        client.send(b"zz\r\n")
        self.assertEqual(client.read_answer().status, 400)
        self.assertTrue(client.ended())
        support.wait_until(lambda: conn.sock.fileno() < 0, what="the upstream's connection to end")
        self.assertEqual(self.up.requests, [])  # it never saw a last chunk

    def test_no_verdict_depends_on_how_the_bytes_arrive(self):
        """Each row in two segments, cut at places all over it, and one in single bytes."""
        for name, _, data, status in REFUSED:
            for cut in sorted({1, len(data) // 3, len(data) // 2, len(data) - 2, len(data) - 1}):
                if not 0 < cut < len(data):
                    continue
                client = self.client(self.running)
                try:
                    client.send(data[:cut])
                    client.send(data[cut:])
                except ConnectionError:  # answered and closed before the rest was sent
                    pass
                everything = client.read_to_end(gently=False)
                self.assertTrue(everything.startswith(f"HTTP/1.1 {status} ".encode()), (name, cut, everything[:100]))
                client.close()
        self.assert_nothing_arrived()

    def test_garbage_of_clients_is_no_evidence_against_an_endpoint(self):
        for _ in range(3):
            for _, _, data, _ in REFUSED:
                client = self.client(self.running)
                try:
                    client.send(data)
                    client.read_to_end(gently=False)
                except ConnectionError:
                    pass
                client.close()
        endpoint = self.running.status()["endpoints"][0]
        self.assertEqual(endpoint["monitorStatus"], "Online")
        self.assertEqual([e["text"] for e in self.running.events() if e["kind"] == "health" and "Degraded" in e["text"]], [])
        self.assert_nothing_arrived()


if __name__ == "__main__":
    unittest.main()
