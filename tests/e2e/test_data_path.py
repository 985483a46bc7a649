"""How requests and answers travel: framing, persistence, streaming, limits, deadlines, headers."""

import hashlib
import json
import os
import re
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
import wire
from support import wait_until
from wire import Ended, answer_all


def echo(conn):
    """Answers each request with its own body."""
    while True:
        request = conn.read_request()
        conn.answer(200, request.body or request.target)


def send_chunks(conn, *pieces: bytes):
    for piece in pieces:
        conn.send(b"%x\r\n%s\r\n" % (len(piece), piece))


def pattern(size: int) -> bytes:
    """Bytes whose every part differs from every other, so that nothing can be lost or swapped unseen."""
    block = b"".join(hashlib.sha256(i.to_bytes(4, "big")).digest() for i in range(2048))
    return (block * (size // len(block) + 1))[:size - 8] + size.to_bytes(8, "big")


class Persistence(wire.WireTest):
    def test_both_sides_keep_their_connection_alive(self):
        up = self.upstream(echo)
        client = self.client(self.front(up))
        for i in range(20):
            self.assertEqual(client.ask(target=f"/{i}").text, f"/{i}")
        self.assertEqual(len(up.used()), 1)

    def test_answers_of_every_class_leave_both_connections_alive(self):
        def script(conn):
            while True:
                status = int(conn.read_request().target[1:])
                conn.answer(status, f"body of {status}")

        up = self.upstream(script)
        client = self.client(self.front(up))
        for status in (404, 200, 500, 401, 204, 429, 301, 304, 403, 410, 418, 507, 200):
            self.assertEqual(client.ask(target=f"/{status}").status, status)
        self.assertEqual(len(up.used()), 1)

    def test_pipelined_requests_are_answered_in_order(self):
        up = self.upstream(echo)
        client = self.client(self.front(up))
        client.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
                    b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
                    b"POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nchu\r\n4\r\nnked\r\n0\r\n\r\n"
                    b"GET /4 HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual([client.read_answer().text for _ in range(4)], ["/1", "body", "chunked", "/4"])
        self.assertEqual([r.target for r in up.requests], ["/1", "/2", "/3", "/4"])

    def test_a_pipeline_cut_anywhere_is_the_same_pipeline(self):
        up = self.upstream(echo)
        proxy = self.front(up)
        data = (b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3\r\nabc\r\n0\r\n\r\nPOST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxyGET /4 HTTP/1.1\r\nHost: a\r\n\r\n")
        for cut in range(1, len(data)):
            client = self.client(proxy)
            client.send(data[:cut])
            client.send(data[cut:])
            self.assertEqual([client.read_answer().text for _ in range(4)], ["/1", "abc", "xy", "/4"], cut)
            client.close()

    def test_a_request_behind_a_large_chunked_body_is_served(self):
        up = self.upstream(echo)
        client = self.client(self.front(up))
        body = pattern(300_000)
        client.send(b"POST /big HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        stream = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 7777]), body[i:i + 7777]) for i in range(0, len(body), 7777))
        client.send(stream + b"0\r\n\r\n" + b"GET /behind HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(client.read_answer().body, body)
        self.assertEqual(client.read_answer().text, "/behind")

    def test_fifty_pipelined_requests(self):
        up = self.upstream(echo)
        client = self.client(self.front(up))
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (i, b"y" * 300) for i in range(50)))
        self.assertEqual([client.read_answer().text for _ in range(50)], [f"/{i}" for i in range(50)])

    def test_a_request_to_close_closes_behind_the_answer(self):
        client = self.client(self.front(self.upstream()))
        answer = client.ask(fields="Connection: close\r\n")
        self.assertEqual(answer.get("Connection"), "close")
        self.assertTrue(client.ended())

    def test_an_upstream_that_closes_behind_its_answer_does_not_close_the_client(self):
        def script(conn):
            conn.read_request()
            conn.answer(fields="Connection: close\r\n")

        up = self.upstream(script)
        client = self.client(self.front(up))
        for _ in range(3):
            answer = client.ask()
            self.assertEqual(answer.status, 200)
            self.assertIsNone(answer.get("Connection"))
        self.assertEqual(len(up.used()), 3)

    def test_an_http_1_0_client_is_closed_unless_it_asks_to_stay(self):
        up = self.upstream(echo)
        proxy = self.front(up)
        client = self.client(proxy)
        client.send("GET /a HTTP/1.0\r\n\r\n")
        self.assertEqual(client.read_answer().text, "/a")
        self.assertTrue(client.ended())
        client = self.client(proxy)
        for _ in range(3):
            client.send("GET /b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            answer = client.read_answer()
            self.assertEqual((answer.text, answer.get("Connection")), ("/b", "keep-alive"))
        self.assertIn("HTTP/1.1\r\n", up.requests[-1].head.decode())

    def test_an_idle_client_connection_is_closed_after_its_time(self):
        client = self.client(self.front(self.upstream(), timeouts={"idle": "300ms"}))
        client.ask()
        self.assertTrue(client.ended(5))

    def test_an_idle_upstream_connection_is_closed_after_its_time(self):
        up = self.upstream()
        client = self.client(self.front(up, timeouts={"upstream_idle": "300ms"}))
        client.ask()
        wait_until(lambda: up.used()[0].sock.fileno() < 0, 5, "the pooled connection to be closed")

    def test_a_pooled_connection_that_the_upstream_closed_is_not_used(self):
        """Closed while idle: noticed by the armed read, by a look before a POST, or by a GET's retry."""
        def script(conn):
            conn.read_request()
            conn.answer()  # and closes, without saying so

        up = self.upstream(script)
        client = self.client(self.front(up))
        for i in range(30):
            self.assertEqual(client.ask().status, 200, i)
        for i in range(30):
            wait_until(lambda: all(conn.sock.fileno() < 0 for conn in up.used()), what="all to be closed")
            self.assertEqual(client.ask("POST", body=b"x").status, 200, i)
        self.assertEqual(len(up.requests), 60)

    def test_a_get_on_a_stale_connection_is_sent_again_on_a_fresh_one(self):
        def script(conn):
            conn.read_request()
            first.append(conn)
            conn.answer()
            if first[0] is conn:
                conn.read_request()  # taken, and the connection ended instead of an answer
            else:
                echo(conn)

        first: list = []
        up = self.upstream(script)
        client = self.client(self.front(up))
        self.assertEqual(client.ask(target="/1").status, 200)
        self.assertEqual(client.ask(target="/2").status, 200)
        self.assertEqual([r.target for r in up.requests], ["/1", "/2", "/2"])

    def test_a_post_that_was_sent_on_a_stale_connection_is_not_repeated(self):
        def script(conn):
            conn.read_request()
            conn.answer()
            conn.read_request()

        up = self.upstream(script)
        client = self.client(self.front(up))
        self.assertEqual(client.ask(target="/1").status, 200)
        answer = client.ask("POST", "/2", body=b"once")
        self.assertEqual(answer.status, 504)
        self.assertEqual(answer.get("X-Understudy-Outcome"), "unknown")
        self.assertEqual(json.loads(answer.body)["outcome"], "unknown")
        self.assertEqual([r.target for r in up.requests], ["/1", "/2"])
        self.assertEqual(client.ask(target="/3").status, 200)  # the client's connection is fine


class Requests(wire.WireTest):
    def test_a_chunked_request_split_at_every_byte_arrives_whole(self):
        up = self.upstream(echo)
        proxy = self.front(up)
        head = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        body = b"5;x=\"y\"\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nSum: 1\r\n\r\n"
        for cut in range(len(body)):
            client = self.client(proxy)
            client.send(head + body[:cut])
            client.send(body[cut:])
            self.assertEqual(client.read_answer().text, "hello world", cut)
            client.close()

    def test_a_chunked_request_byte_by_byte(self):
        up = self.upstream(echo)
        client = self.client(self.front(up))
        data = (b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX: y\r\n\r\n")
        for i in range(len(data)):
            client.send(data[i:i + 1])
        self.assertEqual(client.read_answer().text, "hello world")

    def test_chunks_are_framed_anew_and_extensions_and_trailers_dropped(self):
        up = self.upstream(echo)
        client = self.client(self.front(up))
        client.send(b"POST /c HTTP/1.1\r\nHost: a\r\nTrailer: Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"2;evil=1\r\nab\r\n2\r\ncd\r\n0;more\r\nSum: 9\r\n\r\n")
        self.assertEqual(client.read_answer().text, "abcd")
        raw = up.used()[0].seen
        self.assertNotIn(b"evil", raw)
        self.assertNotIn(b"Sum", raw)
        self.assertNotIn(b"Trailer", raw)
        self.assertTrue(raw.endswith(b"4\r\nabcd\r\n0\r\n\r\n"), bytes(raw[-60:]))

    def test_a_body_streams_before_it_is_complete(self):
        def script(conn):
            conn.read_head()
            conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            first = conn.read_exact(5)
            second = conn.read_exact(5)
            conn.answer(200, first + second)

        up = self.upstream(script)
        client = self.client(self.front(up))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst")
        wait_until(lambda: up.used() and b"first" in up.used()[0].seen, what="the first half at the upstream")
        client.send(b"other")
        self.assertEqual(client.read_answer().text, "firstother")

    def test_expect_100_continue_travels_end_to_end(self):
        def script(conn):
            head = conn.read_head()
            asked.append(head.get("Expect"))
            arrived.append(bytes(conn.buffer))
            conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            conn.answer(200, conn.read_exact(4))

        asked, arrived = [], []
        client = self.client(self.front(self.upstream(script)))
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        interim = client.read_answer(interim=True)
        self.assertEqual(interim.status, 100)
        client.send(b"body")
        self.assertEqual(client.read_answer().text, "body")
        self.assertEqual((asked, arrived), (["100-continue"], [b""]))

    def test_expect_100_continue_may_be_refused_and_the_connection_ends(self):
        def script(conn):
            conn.read_head()
            conn.answer(401, "no", fields="Connection: close\r\n")

        up = self.upstream(script)
        client = self.client(self.front(up))
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4000\r\n\r\n")
        answer = client.read_answer()
        self.assertEqual((answer.status, answer.get("Connection")), (401, "close"))
        self.assertTrue(client.ended())

    # The body deadline once counted against the client although the upstream was the slow side: 408.
    def test_a_client_that_waits_for_a_slow_100_is_not_timed_out_for_its_body(self):
        def script(conn):
            conn.read_head()
            wait_until(lambda: time.monotonic() - begun > 1.0, what="the body deadline to pass")
            conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            conn.answer(200, conn.read_exact(4))

        begun = time.monotonic()
        client = self.client(self.front(self.upstream(script), timeouts={"body": "300ms"}))
        begun = time.monotonic()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        self.assertEqual(client.read_answer(interim=True).status, 100)
        client.send(b"body")
        self.assertEqual(client.read_answer().text, "body")

    def test_a_client_that_does_not_wait_for_100_is_served(self):
        def script(conn):
            while True:
                conn.read_request()
                conn.answer(200, "ok")

        client = self.client(self.front(self.upstream(script)))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody")
        self.assertEqual(client.read_answer().text, "ok")

    def test_100_is_not_relayed_to_who_did_not_ask_and_103_is(self):
        def script(conn):
            conn.read_request()
            conn.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x\r\nX: 1\r\n\r\n")
            conn.answer(200, "final")

        proxy = self.front(self.upstream(script))
        client = self.client(proxy)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        hints = client.read_answer(interim=True)
        self.assertEqual((hints.status, hints.get("Link"), hints.get("X")), (103, "</a.css>", None))
        self.assertEqual(client.read_answer(interim=True).text, "final")
        old = self.client(proxy)
        old.send("GET / HTTP/1.0\r\n\r\n")
        self.assertEqual(old.read_answer(interim=True).text, "final")

    def test_endless_interim_answers_end_the_attempt(self):
        def script(conn):
            conn.read_request()
            for _ in range(1000):
                conn.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")

        client = self.client(self.front(self.upstream(script)))
        self.assertEqual(client.ask().status, 502)

    def test_an_early_answer_arrives_while_the_upload_goes_on(self):
        def script(conn):
            conn.read_head()
            conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            total = 0
            for _ in range(3):
                conn.read_exact(10)
                total += 10
                send_chunks(conn, str(total).encode())
            conn.send(b"0\r\n\r\n")
            while True:
                conn.read_request()
                conn.answer(200, "next")

        client = self.client(self.front(self.upstream(script)))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n")
        head = client.read_head()
        self.assertEqual(head.status, 200)
        for total in (b"10", b"20", b"30"):
            client.send(b"0123456789")
            self.assertEqual(client.read_chunk(), total)
        self.assertEqual(client.read_chunk(), b"")
        client.read_trailers()
        self.assertEqual(client.ask().text, "next")

    def test_an_early_refusal_of_a_large_upload_reaches_the_client(self):
        def script(conn):
            conn.read_head()
            conn.answer(413, "too big", fields="Connection: close\r\n", reason="Content Too Large")
            conn.shutdown()
            conn.ended(5)

        client = self.client(self.front(self.upstream(script)))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000000\r\n\r\n")
        try:
            for _ in range(30):
                client.send(bytes(100_000))
        except ConnectionError:
            pass
        answer = client.read_answer()
        self.assertEqual((answer.status, answer.text, answer.get("Connection")), (413, "too big", "close"))

    def test_an_upstream_that_resets_behind_an_early_refusal_is_understood(self):
        def script(conn):
            conn.read_head()
            conn.answer(413, "too big", fields="Connection: close\r\n")
            conn.ended(0.05)
            conn.close()  # with unread bytes: the kernel sends a reset

        client = self.client(self.front(self.upstream(script)))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + bytes(200_000))
        self.assertEqual(client.read_answer().status, 413)

    def test_a_client_that_leaves_ends_the_upstreams_work(self):
        def script(conn):
            conn.read_request()
            ended.append(conn.ended(8))

        ended = []
        up = self.upstream(script)
        proxy = self.front(up)
        for leave in (wire.Client.close, wire.Client.reset):
            client = self.client(proxy)
            client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
            up.wait_requests(len(ended) + 1)
            leave(client)
            wait_until(lambda: len(ended) > (leave is wire.Client.reset), what="the upstream to see the end")
        self.assertEqual(ended, [True, True])
        self.assertEqual(up.requests[0].body, b"hi")

    def test_a_client_that_leaves_within_its_upload_ends_the_upstreams_request(self):
        up = self.upstream(echo)
        client = self.client(self.front(up))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        wait_until(lambda: up.used() and b"half" in up.used()[0].seen, what="the first chunk")
        client.close()
        wait_until(lambda: up.used()[0].sock.fileno() < 0, what="the upstream's connection to end")
        self.assertEqual(up.requests, [])

    def test_a_client_that_leaves_within_the_answer_ends_the_upstreams_sending(self):
        def script(conn):
            conn.read_request()
            conn.send(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                while True:
                    conn.send(bytes(100_000))
            except OSError:
                broken.set()

        broken = threading.Event()
        client = self.client(self.front(self.upstream(script)))
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(client.read_head().status, 200)
        client.reset()
        self.assertTrue(broken.wait(8))


class Answers(wire.WireTest):
    def one(self, raw: bytes, then_close: bool = False, **ask):
        def script(conn):
            while True:
                conn.read_request()
                conn.send(raw)
                if then_close:
                    return

        self.up = self.upstream(script)
        self.running = self.front(self.up)
        client = self.client(self.running)
        return client, client.ask(**ask)

    def test_a_chunked_answer_is_framed_anew_without_its_trailers(self):
        client, answer = self.one(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n"
                                  b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nSum: 1\r\n\r\n")
        self.assertEqual((answer.text, answer.trailers), ("abcde", []))
        self.assertEqual(answer.all("Transfer-Encoding"), ["chunked"])
        self.assertIsNone(answer.get("Trailer"))
        self.assertNotIn(b"x=y", client.seen)
        self.assertEqual(client.ask().text, "abcde")
        self.assertEqual(len(self.up.used()), 1)

    def test_a_chunked_answer_cut_anywhere(self):
        raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;e\r\n world\r\n0\r\nT: u\r\n\r\n"
        cut = [1]

        def script(conn):
            while True:
                conn.read_request()
                conn.send(raw[:cut[0]])
                going.wait(0.002)  # lets the parts leave as two segments; either way must work
                conn.send(raw[cut[0]:])

        going = threading.Event()
        client = self.client(self.front(self.upstream(script)))
        for cut[0] in range(1, len(raw)):
            self.assertEqual(client.ask().text, "hello world", cut[0])

    def test_a_chunked_answer_for_an_old_client_ends_by_closing(self):
        self.one(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        client = self.client(self.running)
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        answer = client.read_answer()
        self.assertEqual((answer.text, answer.get("Transfer-Encoding"), answer.get("Connection")), ("hello", None, "close"))

    def test_an_answer_that_ends_by_closing_is_chunked_for_new_clients(self):
        client, answer = self.one(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", then_close=True)
        self.assertEqual((answer.text, answer.get("Transfer-Encoding")), ("until the end", "chunked"))
        self.assertEqual(client.ask().text, "until the end")  # and their connection stays
        old = self.client(self.running)
        old.send("GET / HTTP/1.0\r\n\r\n")
        self.assertEqual(old.read_answer().text, "until the end")

    def test_an_http_1_0_upstream_is_fine(self):
        client, answer = self.one(b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\nold style", then_close=True)
        self.assertEqual((answer.start, answer.text), ("HTTP/1.1 200 OK", "old style"))

    def test_an_answer_without_a_reason_phrase(self):
        for start in (b"HTTP/1.1 200 ", b"HTTP/1.1 200"):
            client, answer = self.one(start + b"\r\nContent-Length: 2\r\n\r\nok")
            self.assertEqual((answer.status, answer.text), (200, "ok"))

    def test_an_answer_to_head_has_no_body_whatever_its_fields_say(self):
        for fields in (b"Content-Length: 1000\r\n", b"Transfer-Encoding: chunked\r\n", b""):
            client, answer = self.one(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n", method="HEAD")
            self.assertEqual(answer.status, 200)
            self.assertEqual(client.ask("HEAD").status, 200)
            self.assertEqual(answer.get("Content-Length"), "1000" if b"1000" in fields else None)

    def test_204_and_304_have_no_body(self):
        for status, fields, length in ((204, b"Content-Length: 5\r\n", None), (204, b"", None),
                                       (304, b"Content-Length: 5\r\n", "5"), (304, b"", None)):
            client, answer = self.one(b"HTTP/1.1 %d X\r\n%s\r\n" % (status, fields))
            self.assertEqual((answer.status, answer.get("Content-Length")), (status, length))
            self.assertEqual(client.ask().status, status)
            self.assertEqual(len(self.up.used()), 1)

    def test_bytes_behind_an_answer_never_become_the_next_one(self):
        client, answer = self.one(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        self.assertEqual(answer.text, "ok")
        for _ in range(5):
            self.assertEqual(client.ask().text, "ok")
        self.assertNotIn(b"evil", client.seen)

    def test_a_body_behind_an_answer_to_head_never_becomes_the_next_one(self):
        client, _ = self.one(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", method="HEAD")
        for _ in range(5):
            self.assertEqual(client.ask("HEAD").get("Content-Length"), "40")

    def test_answers_that_are_no_http_are_502(self):
        for raw in (b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/2.0 200 OK\r\n\r\n", b"\x16\x03\x01", b"HTTP/1.1 99 X\r\n\r\n",
                    b"HTTP/1.1 2000 X\r\n\r\n", b"HTTP/1.1 600 X\r\n\r\n", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
                    b"HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n",
                    b"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
                    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
                    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
                    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
                    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000 + b"\r\n\r\n",
                    b"HTTP/1.1 200 OK\r\nContent-Le", b"", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"):
            with self.subTest(raw[:60]):
                client, answer = self.one(raw, then_close=True)
                self.assertEqual(answer.status, 502)
                self.assertEqual(answer.get("Content-Type"), "application/problem+json")
                self.assertEqual(json.loads(answer.body)["endpoint"], "upstream")
                self.assertEqual(client.ask().status, 502)  # the client's connection is fine

    def test_a_post_whose_answer_is_no_http_may_have_run(self):
        client, answer = self.one(b"nonsense\r\n\r\n", then_close=True, method="POST", body=b"x")
        self.assertEqual((answer.status, answer.get("X-Understudy-Outcome")), (504, "unknown"))

    def test_an_answer_that_breaks_off_is_broken_for_the_client_too(self):
        for raw, how in ((b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "close"),
                         (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "reset"),
                         (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "close"),
                         (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf", "close"),
                         (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "reset"),
                         (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "nonsense"),
                         (b"HTTP/1.1 200 OK\r\n\r\nhalf", "reset")):
            with self.subTest(raw, how=how):
                def script(conn, raw=raw, how=how):
                    conn.read_request()
                    conn.send(raw)
                    relayed.wait(5)
                    if how == "nonsense":
                        conn.send(b"zz\r\n")
                    conn.reset() if how == "reset" else conn.close()

                proxy = self.front(self.upstream(script))
                for request in ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"):
                    relayed = threading.Event()
                    client = self.client(proxy)
                    client.send(request)
                    head = client.read_head()
                    while b"half" not in client.buffer:
                        client.fill("the first half")
                    relayed.set()
                    with self.assertRaises(Ended) as ended:
                        if head.get("Content-Length"):
                            client.read_exact(int(head.get("Content-Length")))
                        elif head.get("Transfer-Encoding"):
                            client.read_chunked()
                        else:
                            client.read_to_end()  # only a reset tells that this is not all
                            raise AssertionError("the end looked clean")
                    if head.get("Content-Length") is None and head.get("Transfer-Encoding") is None:
                        self.assertTrue(ended.exception.reset)

    def test_fields_of_the_answer_that_belong_to_one_hop_stay_behind(self):
        _, answer = self.one(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
                             b"Proxy-Connection: keep-alive\r\nUpgrade: h2\r\nX-Stays: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nok")
        for name in ("Connection", "X-Hop", "Keep-Alive", "Proxy-Connection", "Upgrade"):
            self.assertIsNone(answer.get(name), name)
        self.assertEqual((answer.get("X-Stays"), answer.all("Set-Cookie")), ("2", ["a=1", "b=2"]))
        self.assertRegex(answer.get("Date"), r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")

    def test_a_content_length_named_by_connection_still_frames_the_answer(self):
        client, answer = self.one(b"HTTP/1.1 200 OK\r\nConnection: Content-Length\r\nContent-Length: 2\r\n\r\nok")
        self.assertEqual((answer.text, answer.get("Content-Length")), ("ok", "2"))

    def test_the_upstreams_date_is_kept(self):
        _, answer = self.one(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nok")
        self.assertEqual(answer.all("Date"), ["Thu, 01 Jan 1970 00:00:00 GMT"])

    def test_an_answer_that_trickles_in_is_passed_on_as_it_comes(self):
        step = threading.Semaphore(0)

        def script(conn):
            conn.read_request()
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            for i in range(3):
                step.acquire(timeout=5)
                conn.send(b"data: %d\n\n" % i)
            step.acquire(timeout=5)

        client = self.client(self.front(self.upstream(script)))
        client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(client.read_head().status, 200)
        for i in range(3):
            step.release()
            self.assertEqual(client.read_chunk(), b"data: %d\n\n" % i)
        step.release()
        self.assertEqual(client.read_chunk(), b"")


class Headers(wire.WireTest):
    def at_upstream(self, fields: str = "", request: str = "GET /x?code=1 HTTP/1.1", **changes):
        up = self.upstream()
        endpoint = {"name": "upstream", "url": up.url, **changes.pop("endpoint", {})}
        self.running = self.front(endpoint, **changes)
        client = self.client(self.running)
        client.send(f"{request}\r\nHost: client.example:81\r\n{fields}\r\n")
        self.assertEqual(client.read_answer().status, 200)
        self.up = up
        return up.requests[-1]

    def test_host_is_the_endpoints_by_default(self):
        request = self.at_upstream()
        self.assertEqual(request.all("Host"), [self.up.url.removeprefix("http://")])

    def test_host_is_kept_when_the_endpoint_says_preserve(self):
        self.assertEqual(self.at_upstream(endpoint={"host": "preserve"}).all("Host"), ["client.example:81"])

    def test_host_is_what_the_endpoint_says(self):
        request = self.at_upstream(endpoint={"host": "explicit", "host_value": "app.internal"})
        self.assertEqual(request.all("Host"), ["app.internal"])

    def test_the_base_path_of_the_endpoint_is_put_before_the_target(self):
        up = self.upstream()
        client = self.client(self.front({"name": "upstream", "url": up.url + "/base"}))
        client.ask(target="/a%2fb?x=1")
        client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
        client.read_answer()
        self.assertEqual([r.target for r in up.requests], ["/base/a%2fb?x=1", "*"])

    def test_forwarded_fields_tell_who_asked_what(self):
        request = self.at_upstream()
        self.assertEqual(request.all("X-Forwarded-For"), ["127.0.0.1"])
        self.assertEqual(request.all("X-Forwarded-Host"), ["client.example:81"])
        self.assertEqual(request.all("X-Forwarded-Proto"), ["http"])
        self.assertEqual(request.all("Forwarded"), ['for=127.0.0.1;host="client.example:81";proto=http'])
        self.assertRegex(request.get("Via"), r"^1\.1 understudy-[0-9a-f]{6}$")
        self.assertRegex(request.get("traceparent"), r"^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")

    def test_forwarded_fields_of_strangers_are_replaced(self):
        request = self.at_upstream("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\n"
                                   "Forwarded: for=6.6.6.6\r\nVia: 1.0 other\r\n")
        self.assertEqual(request.all("X-Forwarded-For"), ["127.0.0.1"])
        self.assertEqual(request.all("X-Forwarded-Host"), ["client.example:81"])
        self.assertEqual(request.all("X-Forwarded-Proto"), ["http"])
        self.assertNotIn("6.6.6.6", request.get("Forwarded"))
        self.assertEqual(request.all("Via")[0], "1.0 other")
        self.assertEqual(len(request.all("Via")), 2)

    def test_forwarded_fields_of_listed_proxies_are_continued(self):
        request = self.at_upstream("X-Forwarded-For: 192.0.2.7, 10.0.0.1\r\nX-Forwarded-Host: shop.example\r\nX-Forwarded-Proto: https\r\n"
                                   "Forwarded: for=192.0.2.7\r\n", trusted_proxies=["127.0.0.0/8", "10.0.0.0/8"])
        self.assertEqual(request.all("X-Forwarded-For"), ["192.0.2.7, 10.0.0.1, 127.0.0.1"])
        self.assertEqual(request.all("X-Forwarded-Host"), ["shop.example"])
        self.assertEqual(request.all("X-Forwarded-Proto"), ["https"])
        self.assertTrue(request.get("Forwarded").startswith("for=192.0.2.7, for=127.0.0.1"))

    def test_a_traceparent_is_passed_on(self):
        given = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
        self.assertEqual(self.at_upstream(f"traceparent: {given}\r\n").all("traceparent"), [given])

    def test_the_log_names_the_trace_that_the_app_was_sent(self):
        upstream = self.upstream()
        proxy = self.front(upstream)
        client = self.client(proxy)
        for number, (given, logged) in enumerate((
                ("", None),
                ("traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01\r\n", "0123456789abcdef" * 2),
                ("traceparent: 01-0123456789abcdef0123456789abcdef-0123456789abcdef-01-later\r\n", "0123456789abcdef" * 2),
                ("traceparent: 00-0123456789ABCDEF0123456789abcdef-0123456789abcdef-01\r\n", ""),
                ('traceparent: 00-0123456789abcde" 200 x 456789abcdef0-0123456789abcdef-01\r\n', ""),
                ("traceparent: 00-0123456789abcdef\r\n", ""))):
            client.ask("GET", f"/trace{number}", given)
            if logged is None:
                logged = upstream.requests[-1].get("traceparent").split("-")[1]
            line = proxy.wait_line(rf'access .* "/trace{number}" ')
            self.assertEqual(re.findall(r" trace (\S+)$", line.string), [logged] if logged else [], line)

    def test_only_the_platform_may_set_its_fields(self):
        forged = ["DISGUISED-HOST", "WAS-DEFAULT-HOSTNAME", "X-ARR-SSL", "X-ARR-LOG-ID", "X-MS-CLIENT-PRINCIPAL",
                  "x-ms-client-principal-id", "X-MS-TOKEN-AAD-ACCESS-TOKEN", "Client-Cert", "client-cert-chain", "X-Arr-ClientCert"]
        request = self.at_upstream("".join(f"{name}: forged\r\n" for name in forged) + "X-MS-Other: 1\r\nX-Functions-Key: k\r\n")
        self.assertNotIn(b"forged", request.head)
        self.assertEqual((request.get("X-MS-Other"), request.get("X-Functions-Key")), ("1", "k"))

    def test_fields_of_one_hop_stay_behind_those_named_by_connection_too(self):
        request = self.at_upstream("Connection: keep-alive, X-Hop, close-not\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n"
                                   "Proxy-Authorization: secret\r\nTE: trailers\r\nTrailer: x\r\nUpgrade: h2c\r\nX-Stays: 2\r\nAuthorization: Bearer t\r\n")
        for name in ("Connection", "X-Hop", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE", "Trailer", "Upgrade"):
            self.assertIsNone(request.get(name), name)
        self.assertEqual((request.get("X-Stays"), request.get("Authorization")), ("2", "Bearer t"))

    def test_connection_cannot_remove_what_the_proxy_itself_says(self):
        request = self.at_upstream("Connection: Host, X-Forwarded-For, Via, Forwarded, Content-Length, X-Secret\r\nContent-Length: 0\r\n"
                                   "X-Secret: guess\r\n", request="POST /x HTTP/1.1",
                                   endpoint={"secret_header": {"name": "X-Secret", "value": "really"}})
        self.assertEqual(request.all("X-Secret"), ["really"])
        self.assertEqual(request.all("X-Forwarded-For"), ["127.0.0.1"])
        self.assertEqual(request.all("Content-Length"), ["0"])
        self.assertEqual(len(request.all("Host")), 1)

    def test_other_fields_keep_their_order_and_bytes(self):
        request = self.at_upstream("X-b: 2\r\nx-A:  1\r\nCookie: a=1; b\r\nX-b:3\t\r\nX-Long: " + "z" * 5000 + "\r\n")
        self.assertIn(b"X-b: 2\r\nx-A:  1\r\nCookie: a=1; b\r\nX-b:3\t\r\nX-Long: " + b"z" * 5000 + b"\r\n", request.head)

    def test_a_request_that_returns_to_this_proxy_is_a_loop(self):
        def script(conn):  # another proxy, misconfigured: it sends everything back to where it came from
            head = conn.read_head()
            back = self.client(self.running)
            back.send(head.head)
            answers.append(back.read_answer())
            conn.answer(answers[-1].status, answers[-1].body)

        answers = []
        self.running = self.front(self.upstream(script))
        self.assertEqual(self.client(self.running).ask().status, 508)
        self.assertEqual(len(answers), 1)


class Upgrades(wire.WireTest):
    ASK = ("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: abc\r\n"
           "Sec-WebSocket-Version: 13\r\n\r\n")
    AGREED = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: xyz\r\n\r\n"

    def tunnel(self, early: bytes = b"", **changes):
        def script(conn):
            self.heads.append(conn.read_head())
            conn.send(self.AGREED.encode() + b"hello")
            while True:
                if not conn.buffer:
                    conn.fill("the tunnel")
                conn.send(b"<" + conn.take(len(conn.buffer)) + b">")

        self.heads = []
        self.up = self.upstream(script)
        self.running = self.front(self.up, **changes)
        client = self.client(self.running)
        client.send(self.ASK.encode() + early)
        answer = client.read_answer(interim=True)
        self.assertEqual(answer.status, 101)
        self.assertEqual(client.read_exact(5), b"hello")
        return client, answer

    def test_a_web_socket_is_tunnelled_both_ways_with_early_bytes(self):
        client, answer = self.tunnel(early=b"early")
        self.assertEqual((answer.get("Upgrade"), answer.get("Connection"), answer.get("Sec-WebSocket-Accept")), ("websocket", "Upgrade", "xyz"))
        self.assertEqual(self.heads[0].get("Upgrade"), "websocket")
        self.assertEqual(self.heads[0].get("Connection"), "Upgrade")
        self.assertEqual(client.read_exact(7), b"<early>")
        for i in range(20):
            client.send(b"\x00\xff%d" % i)
            self.assertEqual(client.read_until(b">", "the echo"), b"<\x00\xff%d>" % i)

    def test_a_tunnel_carries_megabytes_unchanged(self):
        def script(conn):
            conn.read_head()
            conn.send(self.AGREED)
            while True:
                conn.send(conn.take(len(conn.buffer)))
                conn.fill("the tunnel")

        client = self.client(self.front(self.upstream(script)))
        client.send(self.ASK)
        self.assertEqual(client.read_answer(interim=True).status, 101)
        data = pattern(3_000_000)
        sender = threading.Thread(target=client.send, args=(data,))
        sender.start()
        self.assertEqual(hashlib.sha256(client.read_exact(len(data))).hexdigest(), hashlib.sha256(data).hexdigest())
        sender.join()

    def test_either_side_ends_the_tunnel(self):
        client, _ = self.tunnel()
        client.close()
        wait_until(lambda: self.up.used()[0].sock.fileno() < 0, what="the upstream's end of the tunnel")
        client, _ = self.tunnel()
        self.up.used()[0].sock.shutdown(socket.SHUT_RDWR)
        self.assertTrue(client.ended())

    def test_an_idle_tunnel_is_closed_and_no_longer_counted(self):
        client, _ = self.tunnel(timeouts={"tunnel_idle": "300ms"})
        self.assertTrue(client.ended(5))
        wait_until(lambda: self.running.metric("understudy_tunnels") == 0, 3, "no tunnel to be counted")

    def test_an_upgrade_that_the_upstream_declines_is_an_ordinary_answer(self):
        up = self.upstream()
        client = self.client(self.front(up))
        client.send(self.ASK)
        self.assertEqual(client.read_answer().text, "upstream")
        self.assertEqual(client.ask().text, "upstream")

    def test_h2c_is_not_tunnelled(self):
        up = self.upstream()
        client = self.client(self.front(up))
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n")
        self.assertEqual(client.read_answer().status, 200)
        for name in ("Upgrade", "Connection", "HTTP2-Settings"):
            self.assertIsNone(up.requests[0].get(name), name)

    def test_a_101_that_nobody_asked_for_is_502(self):
        def script(conn):
            conn.read_request()
            conn.send(self.AGREED + "GET /evil HTTP/1.1\r\n\r\n")

        self.assertEqual(self.client(self.front(self.upstream(script))).ask().status, 502)


class Limits(wire.WireTest):
    def test_a_head_above_the_limits_is_431(self):
        proxy = self.front(self.upstream(), limits={"head": "4KiB", "headers": 10})
        for fields in ("X: " + "y" * 5000 + "\r\n", "X: y\r\n" * 12):
            client = self.client(proxy)
            self.assertEqual(client.ask(fields=fields).status, 431)
            self.assertTrue(client.ended())
        self.assertEqual(self.client(proxy).ask(fields="X: " + "y" * 3000 + "\r\n").status, 200)

    def test_a_body_above_the_limit_is_413(self):
        up = self.upstream(echo)
        proxy = self.front(up, limits={"body": "1KiB"})
        client = self.client(proxy)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n")
        answer = client.read_answer()
        self.assertEqual((answer.status, answer.get("Connection")), (413, "close"))
        self.assertEqual(up.received(), b"")
        client = self.client(proxy)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        wait_until(up.used, what="the head at the upstream")
        client.send(b"200\r\n" + bytes(512) + b"\r\n")
        client.send(b"400\r\n" + bytes(1024) + b"\r\n")
        self.assertEqual(client.read_answer().status, 413)
        self.assertEqual(up.requests, [])
        self.assertEqual(len(self.client(proxy).ask("POST", body=bytes(1024)).body), 1024)

    def test_a_chunked_body_that_comes_with_its_head_has_the_same_limit(self):
        """It was counted only when read from the socket later, so that one segment passed any limit."""
        up = self.upstream(echo)
        client = self.client(self.front(up, limits={"body": "1KiB"}))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n" + bytes(2048) + b"\r\n0\r\n\r\n")
        self.assertEqual(client.read_answer().status, 413)
        self.assertEqual(up.received(), b"")

    def test_a_head_that_does_not_come_to_its_end_is_408(self):
        proxy = self.front(self.upstream(), timeouts={"head": "300ms"})
        client = self.client(proxy)
        client.send("GET / HTTP/1.1\r\nHost:")
        answer = client.read_answer()
        self.assertEqual((answer.status, answer.get("Connection")), (408, "close"))
        self.assertTrue(client.ended())
        silent = self.client(proxy)
        self.assertTrue(silent.ended(5))  # never spoke: closed without a word
        self.assertEqual(silent.seen, b"")

    def test_a_slow_head_on_a_kept_connection_is_408(self):
        client = self.client(self.front(self.upstream(), timeouts={"head": "300ms"}))
        client.ask()
        client.send("GET / HTTP/1.1\r\nHo")
        self.assertEqual(client.read_answer().status, 408)

    def test_a_body_that_stops_arriving_is_408_and_no_evidence_against_the_endpoint(self):
        up = self.upstream(echo)
        proxy = self.front(up, timeouts={"body": "300ms"})
        client = self.client(proxy)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        self.assertEqual(client.read_answer().status, 408)
        wait_until(lambda: up.used()[0].sock.fileno() < 0, what="the upstream's connection to end")

    def test_an_answer_that_does_not_begin_is_504(self):
        up = self.upstream(lambda conn: (conn.read_request(), conn.ended()))
        proxy = self.front(up, timeouts={"first_byte": "300ms"})
        answer = self.client(proxy).ask()
        self.assertEqual((answer.status, json.loads(answer.body)["kind"]), (504, "first_byte_timeout"))
        answer = self.client(proxy).ask("POST", body=b"x")
        self.assertEqual((answer.status, answer.get("X-Understudy-Outcome")), (504, "unknown"))

    def test_a_client_that_does_not_read_is_dropped(self):
        stopped = threading.Event()

        def script(conn):
            conn.read_request()
            try:
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
                for _ in range(1000):
                    conn.send(bytes(100_000))
            except OSError:
                stopped.set()

        client = self.client(self.front(self.upstream(script), timeouts={"write": "300ms"}))
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(stopped.wait(8), "the upstream to be let go")

    def test_too_many_requests_at_once_are_503(self):
        hold = threading.Event()
        up = self.upstream(lambda conn: (conn.read_request(), hold.wait(8), conn.answer()))
        proxy = self.front(up, limits={"in_flight": 2})
        first = [self.client(proxy) for _ in range(2)]
        for client in first:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        up.wait_requests(2)
        answer = self.client(proxy).ask()
        self.assertEqual((answer.status, json.loads(answer.body)["kind"]), (503, "overloaded"))
        self.assertTrue(answer.get("Retry-After"))
        hold.set()
        self.assertEqual([c.read_answer().status for c in first], [200, 200])



class Volume(wire.WireTest):
    def test_large_bodies_arrive_unchanged_in_both_directions(self):
        def script(conn):
            while True:
                request = conn.read_request()
                conn.answer(200, request.body, fields=f"X-Sum: {hashlib.sha256(request.body).hexdigest()}\r\n")

        client = self.client(self.front(self.upstream(script)))
        for size in (1, 4000, 16 * 1024, 65537, 1_000_003, 8_000_001):
            body = pattern(max(size, 9))
            answers = []
            reader = threading.Thread(target=lambda: answers.append(client.read_answer("POST")))
            reader.start()
            client.send(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            reader.join(30)
            self.assertEqual(answers[0].get("X-Sum"), hashlib.sha256(body).hexdigest(), size)
            self.assertEqual(hashlib.sha256(answers[0].body).hexdigest(), hashlib.sha256(body).hexdigest(), size)

    def test_large_chunked_bodies_arrive_unchanged_in_both_directions(self):
        def script(conn):
            while True:
                body = conn.read_request().body
                conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                at, step = 0, 1
                while at < len(body):
                    send_chunks(conn, body[at:at + step])
                    at, step = at + step, step * 3 % 99_991 + 1
                conn.send(b"0\r\n\r\n")

        client = self.client(self.front(self.upstream(script)))
        body = pattern(3_000_017)
        data = bytearray(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        at, step = 0, 1
        while at < len(body):
            piece = body[at:at + step]
            data += b"%X\r\n%s\r\n" % (len(piece), piece)
            at, step = at + step, step * 5 % 70_001 + 1
        client.send(data + b"0\r\n\r\n")
        self.assertEqual(hashlib.sha256(client.read_answer().body).hexdigest(), hashlib.sha256(body).hexdigest())

    def test_two_hundred_connections_of_all_sorts_at_once(self):
        up = self.upstream(echo)
        proxy = self.front(up)
        wrong, done = [], []

        def visit(number: int):
            try:
                client = self.client(proxy)
                for turn in range(5):
                    body = pattern(9 + (number * 7919 + turn * 104729) % 40_000)
                    kind = (number + turn) % 5
                    if kind == 0:
                        got, wanted = client.ask(target=f"/{number}/{turn}").text, f"/{number}/{turn}"
                    elif kind == 1:
                        got, wanted = client.ask("POST", body=body).body, body
                    elif kind == 2:
                        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
                        got, wanted = client.read_answer().body, body
                    elif kind == 3:
                        client.send(b"GET /p1 HTTP/1.1\r\nHost: a\r\n\r\nGET /p2 HTTP/1.1\r\nHost: a\r\n\r\n")
                        got, wanted = (client.read_answer().text, client.read_answer().text), ("/p1", "/p2")
                    else:
                        leaving = self.client(proxy)
                        leaving.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
                        leaving.reset()
                        got = wanted = None
                    if got != wanted:
                        wrong.append((number, turn))
                done.append(number)
            except BaseException as trouble:
                wrong.append((number, trouble))

        threads = [threading.Thread(target=visit, args=(i,)) for i in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(40)
        self.assertEqual((wrong[:5], len(done)), ([], 200))
        self.assert_alive(proxy)
        wait_until(lambda: proxy.metric("understudy_requests_in_flight") == 0, 5, "nothing in flight")


class Log(wire.WireTest):
    def test_each_request_is_one_line_without_its_query(self):
        up = self.upstream()
        proxy = self.front(up)
        client = self.client(proxy)
        client.ask(target="/a/path?code=hunter2&x=y")
        client.ask("POST", "/b?sig=hunter2", body=b"hunter2")
        client.send("GET /bad?code=hunter2 HTTP/1.1\r\nHost: a b\r\n\r\n")
        client.read_answer()
        proxy.wait_line(r'"/a/path" -> 200 upstream')
        proxy.wait_line(r'"/b" -> 200 upstream')
        proxy.wait_line(r"-> 400")
        self.assertNotIn("hunter2", proxy.text)
        self.assertEqual(len([line for line in proxy.lines if '"/a/path"' in line]), 1)

    def test_a_json_line_is_json_whatever_was_asked_for(self):
        proxy = self.front(self.upstream(), log={"format": "json"})
        client = self.client(proxy)
        client.send(b'GET /q"uo\\te\xe9\xff{}</x>?secret HTTP/1.1\r\nHost: a\r\n\r\n')
        self.assertEqual(client.read_answer().status, 200)
        proxy.wait_line('uo')
        logged = [json.loads(line) for line in proxy.lines if line.startswith("{") and "uo" in line]
        self.assertEqual(len(logged), 1)
        self.assertNotIn("secret", json.dumps(logged))
        self.assertIn('/q"uo\\te', json.dumps(logged[0], ensure_ascii=False).replace('\\"', '"').replace("\\\\", "\\"))


if __name__ == "__main__":
    unittest.main()
