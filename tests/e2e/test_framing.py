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

BEHIND = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def get(fields: bytes) -> bytes:
    return b"GET /a HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n"


def post(fields: bytes, body: bytes = b"") -> bytes:
    return b"POST /a HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n" + body


def line(request_line: bytes) -> bytes:
    return request_line + b"\r\nHost: a\r\n\r\n"


def chunked(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked\r\n", body)


TE = b"Transfer-Encoding: "
REFUSED = [  # name, source of the case, bytes, status
    # Content-Length
    ("a length above 2^63", "overflow", post(b"Content-Length: 9223372036854775808\r\n"), 400),
    ("a length above 2^64", "overflow", post(b"Content-Length: 18446744073709551621\r\n"), 400),
    ("twenty-one digits", "overflow", post(b"Content-Length: 000000000000000000005\r\n", b"12345"), 400),
    ("a signed length", "CL.+ smuggling", post(b"Content-Length: +5\r\n", b"12345"), 400),
    ("a negative length", "RFC 9110 8.6", post(b"Content-Length: -5\r\n", b"12345"), 400),
    ("a hexadecimal length", "RFC 9110 8.6", post(b"Content-Length: 0x5\r\n", b"12345"), 400),
    ("a fraction", "RFC 9110 8.6", post(b"Content-Length: 5.0\r\n", b"12345"), 400),
    ("an exponent", "RFC 9110 8.6", post(b"Content-Length: 5e1\r\n", b"12345"), 400),
    ("an empty length", "RFC 9110 8.6", post(b"Content-Length: \r\n"), 400),
    ("a space inside a length", "RFC 9110 8.6", post(b"Content-Length: 5 5\r\n", b"12345"), 400),
    ("a list of equal lengths", "RFC 9112 6.3", post(b"Content-Length: 5, 5\r\n", b"12345"), 400),
    ("a list of different lengths", "CL.CL", post(b"Content-Length: 5, 6\r\n", b"12345"), 400),
    ("two equal lengths", "RFC 9112 6.3", post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"12345"), 400),
    ("two different lengths", "CL.CL", post(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"12345"), 400),
    ("two lengths in different case", "CL.CL", post(b"Content-Length: 5\r\ncontent-length: 0\r\n", b"12345"), 400),
    ("a length behind a vertical tab", "CL obfuscation", post(b"Content-Length: \x0b5\r\n", b"12345"), 400),
    ("a NUL behind a length", "CL obfuscation", post(b"Content-Length: 5\x00\r\n", b"12345"), 400),
    # Transfer-Encoding
    ("chunked and a length", "CL.TE", post(b"Content-Length: 4\r\n" + TE + b"chunked\r\n", b"0\r\n\r\n"), 400),
    ("a length and chunked", "TE.CL", post(TE + b"chunked\r\nContent-Length: 4\r\n", b"0\r\n\r\n"), 400),
    ("chunked and a length of zero", "CL.0", post(TE + b"chunked\r\nContent-Length: 0\r\n", b"0\r\n\r\n"), 400),
    ("an unknown coding", "TE obfuscation", post(TE + b"xchunked\r\n", b"0\r\n\r\n"), 400),
    ("an unknown coding and a length", "TE obfuscation", post(TE + b"xchunked\r\nContent-Length: 4\r\n", b"abcd"), 400),
    ("chunked, identity", "TE.TE", post(TE + b"chunked, identity\r\n", b"0\r\n\r\n"), 400),
    ("identity, chunked", "RFC 9112 7", post(TE + b"identity, chunked\r\n", b"0\r\n\r\n"), 400),
    ("identity", "RFC 2616 leftover", post(TE + b"identity\r\n"), 400),
    ("gzip, chunked", "RFC 9112 6.1", post(TE + b"gzip, chunked\r\n", b"0\r\n\r\n"), 400),
    ("gzip and a length", "RFC 9112 6.1", post(TE + b"gzip\r\nContent-Length: 4\r\n", b"abcd"), 400),
    ("chunked twice in a list", "RFC 9112 7.1", post(TE + b"chunked, chunked\r\n", b"0\r\n\r\n"), 400),
    ("two coding fields", "TE.TE", post(TE + b"chunked\r\n" + TE + b"chunked\r\n", b"0\r\n\r\n"), 400),
    ("two coding fields, one unknown", "TE.TE", post(TE + b"chunked\r\n" + TE + b"x\r\n", b"0\r\n\r\n"), 400),
    ("an empty list member", "TE obfuscation", post(TE + b",chunked\r\n", b"0\r\n\r\n"), 400),
    ("a quoted coding", "TE obfuscation", post(TE + b'"chunked"\r\n', b"0\r\n\r\n"), 400),
    ("a coding with a parameter", "TE obfuscation", post(TE + b"chunked;q=1\r\n", b"0\r\n\r\n"), 400),
    ("a vertical tab before chunked", "TE obfuscation", post(TE + b"\x0bchunked\r\n", b"0\r\n\r\n"), 400),
    ("a NUL behind chunked", "TE obfuscation", post(TE + b"chunked\x00\r\n", b"0\r\n\r\n"), 400),
    ("an empty coding", "RFC 9112 6.1", post(TE + b"\r\n"), 400),
    ("a space before the colon of the coding", "RFC 9112 5.1", post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"), 400),
    ("a folded coding", "obs-fold", post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"), 400),
    ("chunked in HTTP/1.0", "RFC 9112 6.1", b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    # Chunks that came together with the head
    ("a chunk size that is no number", "RFC 9112 7.1", chunked(b"xyz\r\nabc\r\n0\r\n\r\n"), 400),
    ("a chunk size with a prefix", "RFC 9112 7.1", chunked(b"0x3\r\nabc\r\n0\r\n\r\n"), 400),
    ("a signed chunk size", "RFC 9112 7.1", chunked(b"+3\r\nabc\r\n0\r\n\r\n"), 400),
    ("a chunk size above 2^64", "wrapping size", chunked(b"10000000000000003\r\nabc\r\n0\r\n\r\n"), 400),
    ("a chunk size above 2^63", "sign bit", chunked(b"8000000000000000\r\nabc\r\n0\r\n\r\n"), 400),
    ("a chunk line that ends with LF", "RFC 9112 2.2", chunked(b"3\nabc\r\n0\r\n\r\n"), 400),
    ("chunk data longer than its size", "RFC 9112 7.1", chunked(b"3\r\nabcd\r\n0\r\n\r\n"), 400),
    ("chunk data that ends with LF", "RFC 9112 7.1", chunked(b"3\r\nabc\n0\r\n\r\n"), 400),
    ("LF within a chunk extension", "TERM.EXT", chunked(b"3;a\nx\r\nabc\r\n0\r\n\r\n"), 400),
    ("a CR alone in a chunk extension", "TERM.EXT", chunked(b"3;a\rx\r\nabc\r\n0\r\n\r\n"), 400),
    ("a space behind a chunk size", "RFC 9112 7.1", chunked(b"3 \r\nabc\r\n0\r\n\r\n"), 400),
    ("a very long chunk extension", "extension flood", chunked(b"3;" + b"x" * 4000 + b"\r\nabc\r\n0\r\n\r\n"), 400),
    ("a last chunk with LF only", "RFC 9112 2.2", chunked(b"0\n\n"), 400),
    ("a trailer without a colon", "RFC 9112 7.1.2", chunked(b"0\r\nnonsense\r\n\r\n"), 400),
    ("a folded trailer", "RFC 9112 5.2", chunked(b"0\r\nX: a\r\n b\r\n\r\n"), 400),
    # Line endings and field syntax
    ("bare LF throughout", "RFC 9112 2.2", b"GET / HTTP/1.1\nHost: a\n\n", 400),
    ("bare LF in one line", "RFC 9112 2.2", b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400),
    ("bare LF ends the head", "RFC 9112 2.2", b"GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
    ("bare CR in a value", "RFC 9112 2.2", get(b"X: a\rb\r\n"), 400),
    ("bare CR in the request line", "RFC 9112 2.2", line(b"GET /a\r HTTP/1.1"), 400),
    ("a NUL in a value", "RFC 9110 5.5", get(b"X: a\x00b\r\n"), 400),
    ("a control in a value", "RFC 9110 5.5", get(b"X: a\x01b\r\n"), 400),
    ("DEL in a value", "RFC 9110 5.5", get(b"X: a\x7f\r\n"), 400),
    ("an empty field name", "RFC 9110 5.1", get(b": a\r\n"), 400),
    ("a space in a field name", "RFC 9110 5.1", get(b"X Y: a\r\n"), 400),
    ("a space before a colon", "RFC 9112 5.1", get(b"X : a\r\n"), 400),
    ("a tab before a colon", "RFC 9112 5.1", get(b"X\t: a\r\n"), 400),
    ("obs-text in a field name", "RFC 9110 5.1", get(b"X\xe9: a\r\n"), 400),
    ("a line without a colon", "RFC 9112 5", get(b"nonsense\r\n"), 400),
    ("a folded value", "RFC 9112 5.2", get(b"X: a\r\n b\r\n"), 400),
    ("a value folded by a tab", "RFC 9112 5.2", get(b"X: a\r\n\tb\r\n"), 400),
    ("white space before the first field", "RFC 9112 2.2", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    ("a hundred and one fields", "limits.headers", get(b"X: y\r\n" * 101), 431),
    ("a head above limits.head", "limits.head", get(b"X: " + b"y" * 40000 + b"\r\n"), 431),
    ("a target above limits.head", "limits.head", line(b"GET /" + b"y" * 40000 + b" HTTP/1.1"), 431),
    # Host
    ("no Host", "RFC 9112 3.2", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("two Hosts", "RFC 9112 3.2", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("two equal Hosts", "RFC 9112 3.2", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    ("an empty Host", "RFC 9110 7.2", b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    ("userinfo in Host", "RFC 9110 4.2.4", b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
    ("a path in Host", "RFC 9110 7.2", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("a list in Host", "host confusion", b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
    ("a port that is no number", "RFC 3986 3.2.3", b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
    ("a port above 65535", "RFC 3986 3.2.3", b"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400),
    ("an unclosed IPv6 literal", "RFC 3986 3.2.2", b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
    ("a bad Host beside an absolute target", "RFC 9112 3.2.2", b"GET http://b/ HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    # Request line
    ("HTTP/0.9", "RFC 1945", b"GET /\r\n\r\n", 400),
    ("HTTP/1.2", "RFC 9110 2.5", line(b"GET / HTTP/1.2"), 505),
    ("HTTP/2.0 as text", "RFC 9113 3.1", line(b"GET / HTTP/2.0"), 505),
    ("the HTTP/2 preface", "RFC 9113 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("a lower-case version", "RFC 9112 2.3", line(b"GET / http/1.1"), 400),
    ("a version with a suffix", "RFC 9112 2.3", line(b"GET / HTTP/1.1x"), 400),
    ("a version of two digits", "RFC 9112 2.3", line(b"GET / HTTP/1.10"), 400),
    ("a space behind the version", "RFC 9112 3", line(b"GET / HTTP/1.1 "), 400),
    ("no target", "RFC 9112 3", line(b"GET  HTTP/1.1"), 400),
    ("two spaces before the target", "RFC 9112 3", line(b"GET  / HTTP/1.1"), 400),
    ("a tab before the target", "RFC 9112 3", line(b"GET\t/ HTTP/1.1"), 400),
    ("a space in the target", "RFC 9112 3.2", line(b"GET /a b HTTP/1.1"), 400),
    ("a fragment", "RFC 9112 3.2", line(b"GET /a#b HTTP/1.1"), 400),
    ("a control in the target", "RFC 9112 3.2", line(b"GET /a\x01 HTTP/1.1"), 400),
    ("a separator in the method", "RFC 9110 9.1", line(b"G(T / HTTP/1.1"), 400),
    ("CONNECT", "RFC 9110 9.3.6", b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405),
    ("TRACE", "RFC 9110 9.3.8", line(b"TRACE / HTTP/1.1"), 405),
    ("GET *", "RFC 9112 3.2.4", line(b"GET * HTTP/1.1"), 400),
    ("a relative target", "RFC 9112 3.2", line(b"GET a HTTP/1.1"), 400),
    ("an absolute target with userinfo", "RFC 9110 4.2.4", line(b"GET http://u@b/x HTTP/1.1"), 400),
    ("an absolute target without a host", "RFC 9110 4.2.1", line(b"GET http:///x HTTP/1.1"), 400),
    ("an ftp target", "RFC 9112 3.2.2", line(b"GET ftp://b/x HTTP/1.1"), 400),
    ("nine empty lines", "RFC 9112 2.2 allows one", b"\r\n" * 9 + get(b""), 400),
    ("a TLS hello on a cleartext port", "-", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ("another expectation", "RFC 9110 10.1.1", get(b"Expect: tea\r\n"), 417),
]

ACCEPTED = [  # name, bytes, request line at the upstream, body at the upstream
    ("a plain GET", get(b""), "GET /a HTTP/1.1", b""),
    ("a length of zero", post(b"Content-Length: 0\r\n"), "POST /a HTTP/1.1", b""),
    ("leading zeros in a length", post(b"Content-Length: 007\r\n", b"1234567"), "POST /a HTTP/1.1", b"1234567"),
    ("a length on GET", get(b"Content-Length: 3\r\n") + b"abc", "GET /a HTTP/1.1", b"abc"),
    ("chunked", chunked(b"3\r\nabc\r\n0\r\n\r\n"), "POST /a HTTP/1.1", b"abc"),
    ("chunked in capitals", post(TE + b"CHUNKED\r\n", b"3\r\nabc\r\n0\r\n\r\n"), "POST /a HTTP/1.1", b"abc"),
    ("chunked behind a tab", post(b"Transfer-Encoding:\tchunked\r\n", b"1\r\na\r\n0\r\n\r\n"), "POST /a HTTP/1.1", b"a"),
    ("capital hexadecimal digits", chunked(b"A\r\n0123456789\r\n0\r\n\r\n"), "POST /a HTTP/1.1", b"0123456789"),
    ("a chunk size with leading zeros", chunked(b"0003\r\nabc\r\n000\r\n\r\n"), "POST /a HTTP/1.1", b"abc"),
    ("a chunk extension", chunked(b'3;a="b;c"\r\nabc\r\n0;x\r\n\r\n'), "POST /a HTTP/1.1", b"abc"),
    ("trailers", chunked(b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nHost: evil\r\n\r\n"), "POST /a HTTP/1.1", b"abc"),
    ("no body at all", post(b""), "POST /a HTTP/1.1", b""),
    ("obs-text in a value", get(b"X: caf\xe9\r\n"), "GET /a HTTP/1.1", b""),
    ("a tab in a value", get(b"X: a\tb\r\n"), "GET /a HTTP/1.1", b""),
    ("an empty value", get(b"X:\r\n"), "GET /a HTTP/1.1", b""),
    ("an empty line first", b"\r\n" + get(b""), "GET /a HTTP/1.1", b""),
    ("a hundred fields", b"GET /a HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 99 + b"\r\n", "GET /a HTTP/1.1", b""),
    ("no Host in HTTP/1.0", b"GET /a HTTP/1.0\r\n\r\n", "GET /a HTTP/1.1", b""),
    ("an IPv6 Host", b"GET /a HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "GET /a HTTP/1.1", b""),
    ("a method of its own", line(b"PURGE /a HTTP/1.1"), "PURGE /a HTTP/1.1", b""),
    ("OPTIONS *", line(b"OPTIONS * HTTP/1.1"), "OPTIONS * HTTP/1.1", b""),
    ("an absolute target", line(b"GET http://b:81/x?y=1 HTTP/1.1"), "GET /x?y=1 HTTP/1.1", b""),
    ("an absolute target without a path", line(b"GET http://b HTTP/1.1"), "GET / HTTP/1.1", b""),
    ("an escaped slash", line(b"GET /a%2Fb%2f..%2e HTTP/1.1"), "GET /a%2Fb%2f..%2e HTTP/1.1", b""),
    ("dot segments", line(b"GET /a/../b/./c//d HTTP/1.1"), "GET /a/../b/./c//d HTTP/1.1", b""),
    ("broken escapes", line(b"GET /a%zz% HTTP/1.1"), "GET /a%zz% HTTP/1.1", b""),
    ("a query of its own", line(b"GET /?a=b&&c;d=%00?e HTTP/1.1"), "GET /?a=b&&c;d=%00?e HTTP/1.1", b""),
    ("odd characters", line(b'GET /a|b"<>^`{}\\ HTTP/1.1'), 'GET /a|b"<>^`{}\\ HTTP/1.1', b""),
    ("raw bytes of UTF-8", line(b"GET /caf\xc3\xa9 HTTP/1.1"), "GET /caf\xc3\xa9 HTTP/1.1", b""),
]


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
        self.assertGreaterEqual(len(REFUSED), 60)
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

    def test_every_prefix_of_a_refused_head_is_refused_or_waited_for(self):
        """Split in two segments, the verdict is the same: nothing depends on how the bytes arrive."""
        for name, _, data, status in REFUSED[:4] + REFUSED[17:20]:
            for cut in range(1, len(data), 7):
                client = self.client(self.running)
                client.send(data[:cut])
                try:
                    client.send(data[cut:])
                except ConnectionError:
                    pass
                answer = client.read_answer()
                self.assertEqual(answer.status, status, (name, cut))
                client.close()
        self.assert_nothing_arrived()


if __name__ == "__main__":
    unittest.main()
