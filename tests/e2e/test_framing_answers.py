"""Broken answers of an upstream, on the wire: the client gets a 502, or a message that is visibly cut; never a clean end of
what was not complete, and never bytes of another answer. After each row the upstream answers an ordinary request, which
must arrive untouched and over another connection."""

import os
import socket
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
import wire

OK = b"HTTP/1.1 200 OK\r\n"
CL2 = b"Content-Length: 2\r\n"
TE = b"Transfer-Encoding: chunked\r\n"


def chunked(body: bytes) -> bytes:
    return OK + TE + b"\r\n" + body


REFUSED = [  # name, source, bytes of the upstream: the client gets 502 and none of them
    ("no answer, an end", "RFC 9112 9.5", b""),
    ("half a status line", "RFC 9112 8", b"HTTP/1.1 2"),
    ("half a head", "RFC 9112 8", OK + b"Content-Le"),
    ("a body without a head", "HTTP/0.9", b"<html>hello</html>\r\n\r\n"),
    ("a lower-case protocol", "RFC 9112 2.3", b"http/1.1 200 OK\r\n" + CL2 + b"\r\nhi"),
    ("HTTP/2.0 as text", "RFC 9113 3.1", b"HTTP/2.0 200 OK\r\n" + CL2 + b"\r\nhi"),
    ("HTTP/1.2", "RFC 9110 2.5", b"HTTP/1.2 200 OK\r\n" + CL2 + b"\r\nhi"),
    ("an HTTP/2 settings frame", "RFC 9113 3.4", b"\0\0\0\4\0\0\0\0\0"),
    ("a TLS alert", "cleartext to a TLS port", b"\x15\x03\x01\x00\x02\x02\x46"),
    ("an SSH greeting", "a wrong port", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("a status of two digits", "RFC 9112 4", b"HTTP/1.1 20 OK\r\n" + CL2 + b"\r\nhi"),
    ("a status of four digits", "RFC 9112 4", b"HTTP/1.1 2000 OK\r\n" + CL2 + b"\r\nhi"),
    ("a status with a letter", "RFC 9112 4", b"HTTP/1.1 2x0 OK\r\n" + CL2 + b"\r\nhi"),
    ("a status below 100", "RFC 9110 15", b"HTTP/1.1 099 OK\r\n" + CL2 + b"\r\nhi"),
    ("a status above 599", "RFC 9110 15", b"HTTP/1.1 600 OK\r\n" + CL2 + b"\r\nhi"),
    ("a negative status", "RFC 9112 4", b"HTTP/1.1 -20 OK\r\n" + CL2 + b"\r\nhi"),
    ("two spaces before the status", "RFC 9112 4", b"HTTP/1.1  200 OK\r\n" + CL2 + b"\r\nhi"),
    ("a NUL in the reason", "RFC 9112 4", b"HTTP/1.1 200 O\0K\r\n" + CL2 + b"\r\nhi"),
    ("a bare CR in the reason", "response splitting", b"HTTP/1.1 200 O\rX: y\r\n" + CL2 + b"\r\nhi"),
    ("bare LF throughout", "RFC 9112 2.2", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi"),
    ("bare LF behind a field", "RFC 9112 2.2", OK + b"X: y\n" + CL2 + b"\r\nhi"),
    ("a NUL in a value", "RFC 9110 5.5", OK + b"X: a\0b\r\n" + CL2 + b"\r\nhi"),
    ("a bare CR in a value", "response splitting", OK + b"X: a\rSet-Cookie: b=c\r\n" + CL2 + b"\r\nhi"),
    ("a control in a value", "RFC 9110 5.5", OK + b"X: a\x02\r\n" + CL2 + b"\r\nhi"),
    ("a space in a name", "RFC 9110 5.1", OK + b"X Y: a\r\n" + CL2 + b"\r\nhi"),
    ("a space before a colon", "RFC 9112 5.1", OK + b"Content-Length : 2\r\n\r\nhi"),
    ("a folded value", "RFC 9112 5.2", OK + b"X: a\r\n b\r\n" + CL2 + b"\r\nhi"),
    ("a line without a colon", "RFC 9112 5", OK + b"nonsense\r\n" + CL2 + b"\r\nhi"),
    ("two different lengths", "RFC 9112 6.3", OK + CL2 + b"Content-Length: 3\r\n\r\nhi!"),
    ("two equal lengths", "RFC 9112 6.3", OK + CL2 + CL2 + b"\r\nhi"),
    ("a list of lengths", "RFC 9112 6.3", OK + b"Content-Length: 2, 2\r\n\r\nhi"),
    ("a signed length", "RFC 9110 8.6", OK + b"Content-Length: +2\r\n\r\nhi"),
    ("a negative length", "RFC 9110 8.6", OK + b"Content-Length: -2\r\n\r\nhi"),
    ("a length in hexadecimal", "RFC 9110 8.6", OK + b"Content-Length: 0x2\r\n\r\nhi"),
    ("an empty length", "RFC 9110 8.6", OK + b"Content-Length:\r\n\r\nhi"),
    ("a length above 2^64", "overflow", OK + b"Content-Length: 18446744073709551618\r\n\r\nhi"),
    ("a length and chunked", "response TE.CL", OK + CL2 + TE + b"\r\n2\r\nhi\r\n0\r\n\r\n"),
    ("gzip as transfer coding", "RFC 9112 6.1", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
    ("identity as transfer coding", "RFC 9112 7", OK + b"Transfer-Encoding: identity\r\n\r\nhi"),
    ("chunked twice", "RFC 9112 7.1", OK + TE + TE + b"\r\n2\r\nhi\r\n0\r\n\r\n"),
    ("chunked in HTTP/1.0", "RFC 9112 6.1", b"HTTP/1.0 200 OK\r\n" + TE + b"\r\n2\r\nhi\r\n0\r\n\r\n"),
    ("101 that nobody asked for", "RFC 9110 15.2.2", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi"),
    ("seventeen interim answers", "a flood of 1xx", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 17 + OK + CL2 + b"\r\nhi"),
    ("a bad head behind an interim answer", "RFC 9110 15.2", b"HTTP/1.1 100 Continue\r\n\r\nnonsense\r\n\r\n"),
    ("an end behind an interim answer", "RFC 9110 15.2", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ("a head above limits.head", "limits.head", OK + b"X: " + b"y" * 40000 + b"\r\n\r\n"),
    ("a hundred and one fields", "limits.headers", OK + b"X: y\r\n" * 100 + CL2 + b"\r\nhi"),
]

CUT = [  # name, source, bytes, what of the body the client may see before the end that shows
    ("a length that was not reached", "RFC 9112 8", OK + b"Content-Length: 5\r\n\r\nhi", b"hi"),
    ("an end inside a chunk", "RFC 9112 8", chunked(b"5\r\nhi"), b"hi"),
    ("an end behind a chunk", "RFC 9112 8", chunked(b"2\r\nhi\r\n"), b"hi"),
    ("no last chunk's empty line", "RFC 9112 7.1", chunked(b"2\r\nhi\r\n0\r\n"), b"hi"),
    ("half a last chunk", "RFC 9112 7.1", chunked(b"2\r\nhi\r\n0"), b"hi"),
    ("half a trailer", "RFC 9112 7.1.2", chunked(b"2\r\nhi\r\n0\r\nX: y"), b"hi"),
    ("a bad chunk size later", "RFC 9112 7.1", chunked(b"2\r\nhi\r\nzz\r\n"), b"hi"),
    ("data longer than its chunk", "RFC 9112 7.1", chunked(b"2\r\nhi!\r\n0\r\n\r\n"), b"hi"),
    ("a chunk line with LF", "RFC 9112 2.2", chunked(b"2\r\nhi\r\n0\n\n"), b"hi"),
    ("a chunk size above 2^64", "wrapping size", chunked(b"2\r\nhi\r\n10000000000000002\r\nhi\r\n0\r\n\r\n"), b"hi"),
    ("a bare CR in an extension", "TERM.EXT", chunked(b"2\r\nhi\r\n1;a\rb\r\nx\r\n0\r\n\r\n"), b"hi"),
    ("an answer inside the length of another", "response queue poisoning", OK + b"Content-Length: 99\r\n\r\n" + OK + CL2 + b"\r\nhi",
     OK + CL2 + b"\r\nhi"),
]

PASSED = [  # name, source, bytes, status, body: odd, and right
    ("no reason", "RFC 9112 4", b"HTTP/1.1 200 \r\n" + CL2 + b"\r\nhi", 200, b"hi"),
    ("no space before an empty reason", "leniency", b"HTTP/1.1 200\r\n" + CL2 + b"\r\nhi", 200, b"hi"),
    ("a status that nobody registered", "RFC 9110 15", b"HTTP/1.1 299 Odd\r\n" + CL2 + b"\r\nhi", 299, b"hi"),
    ("HTTP/1.0 with a length", "RFC 9112 2.5", b"HTTP/1.0 200 OK\r\n" + CL2 + b"\r\nhi", 200, b"hi"),
    ("a body that the end delimits", "RFC 9112 6.3", OK + b"\r\nhi", 200, b"hi"),
    ("an empty body that the end delimits", "RFC 9112 6.3", OK + b"\r\n", 200, b""),
    ("chunks with extensions and trailers", "RFC 9112 7.1", chunked(b'1;a="b"\r\nh\r\n1\r\ni\r\n0;z\r\nX: y\r\n\r\n'), 200, b"hi"),
    ("an interim answer first", "RFC 9110 15.2", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + CL2 + b"\r\nhi", 200, b"hi"),
    ("a 100 that nobody waits for", "RFC 9110 15.2.1", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + CL2 + b"\r\nhi", 200, b"hi"),
    ("sixteen interim answers", "RFC 9110 15.2", b"HTTP/1.1 102 Processing\r\n\r\n" * 16 + OK + CL2 + b"\r\nhi", 200, b"hi"),
    ("204 with a length", "RFC 9110 8.6", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, b""),
    ("204 with bytes behind it", "RFC 9112 6.3", b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\nevil", 204, b""),
    ("304 with a length", "RFC 9110 15.4.5", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304, b""),
    ("bytes behind the length", "response splitting", OK + CL2 + b"\r\nhi" + OK + b"Content-Length: 4\r\n\r\nevil", 200, b"hi"),
    ("bytes behind the last chunk", "response splitting", chunked(b"2\r\nhi\r\n0\r\n\r\n") + OK + b"Content-Length: 4\r\n\r\nevil", 200, b"hi"),
    ("Connection: close and a length", "RFC 9112 9.6", OK + CL2 + b"Connection: close\r\n\r\nhi", 200, b"hi"),
]


class Answers(wire.WireTest):
    def setUp(self):
        super().setUp()
        support.executable("understudy")
        self.row, self.reset, self.wait = b"", False, False
        self.up = self.upstream(self.script)
        # One endpoint, kept in rotation whatever it answers: the rows are about the answers.
        self.running = self.front(self.up, evidence={"connect_failures": 1000000, "http_min": 1000000})

    def script(self, conn: wire.Connection):
        while True:
            request = conn.read_request()
            if request.target.startswith("/ordinary"):
                self.ordinary_came_over = conn
                conn.answer(200, request.target)
                continue
            self.row_came_over = conn
            conn.send(self.row)
            if self.wait:
                continue
            if self.reset:
                conn.reset()
            else:
                conn.sock.shutdown(socket.SHUT_WR)
                conn.read_to_end(gently=False)
            return

    def assert_the_next_answer_is_its_own(self, name: str):
        used = len(self.up.used())
        client = self.client(self.running)
        target = f"/ordinary-{used}-{len(name)}"
        answer = client.ask(target=target)
        self.assertEqual((answer.status, answer.body), (200, target.encode()), name)
        client.close()

    def bad_connections_are_not_used_again(self):
        for conn in self.up.used():
            targets = [line.split(b" ")[1] for line in bytes(conn.seen).split(b"\r\n") if line.endswith(b" HTTP/1.1")]
            for at, target in enumerate(targets):
                if not target.startswith(b"/ordinary"):
                    self.assertEqual(at, len(targets) - 1, targets)

    def test_there_are_enough_rows(self):
        names = [row[0] for row in REFUSED + CUT + PASSED]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreaterEqual(len(names), 70)

    def test_a_broken_answer_is_a_502_and_none_of_it_is_shown(self):
        for name, source, data in REFUSED:
            for self.reset in (False, True):
                with self.subTest(name, source=source, reset=self.reset):
                    self.row = data
                    client = self.client(self.running)
                    answer = client.ask(target="/row")
                    self.assertEqual(answer.status, 502, answer.head)
                    self.assertEqual(answer.get("Content-Type"), "application/problem+json")
                    self.assertNotIn(b"hi", answer.body.split(b'"kind"')[0])
                    # The client did nothing wrong: its connection goes on.
                    self.assertEqual(client.ask(target="/ordinary").body, b"/ordinary")
                    client.close()
                    self.assert_the_next_answer_is_its_own(name)
        self.bad_connections_are_not_used_again()

    def test_an_answer_that_breaks_off_is_visibly_cut(self):
        for name, source, data, shown in CUT:
            for self.reset in (False, True):
                with self.subTest(name, source=source, reset=self.reset):
                    self.row = data
                    client = self.client(self.running)
                    client.send(b"GET /row HTTP/1.1\r\nHost: a\r\n\r\n")
                    try:
                        answer = client.read_answer()
                        self.assertEqual(answer.status, 502, answer.head)  # it broke before anything was passed on
                    except wire.Ended as end:
                        self.assertTrue(bytes(client.seen).startswith(b"HTTP/1.1 200 OK\r\n"), bytes(client.seen))
                        body = bytes(client.seen).partition(b"\r\n\r\n")[2]
                        self.assertTrue(len(body) <= len(shown) + 16, body)
                        self.assertFalse(body.endswith(b"0\r\n\r\n"), "a clean end of what was cut")
                        self.assertFalse(end.partial.endswith(b"0\r\n\r\n"))
                    client.close()
                    self.assert_the_next_answer_is_its_own(name)
        self.bad_connections_are_not_used_again()

    def test_a_cut_answer_to_an_old_client_is_a_reset_and_no_end(self):
        """HTTP/1.0: a body that only the end delimits would look complete, so the connection is reset."""
        self.row, self.reset = OK + b"\r\nhi", True
        for _ in range(3):
            client = self.client(self.running)
            client.send(b"GET /row HTTP/1.0\r\n\r\n")
            everything = b""
            try:
                everything = client.read_to_end()
                self.assertIn(b" 502 ", everything.split(b"\r\n")[0])
            except wire.Ended as end:
                self.assertTrue(end.reset)
            client.close()

    def test_what_is_odd_and_right_arrives(self):
        for name, source, data, status, body in PASSED:
            for self.wait in (True, False):
                if self.wait and "the end delimits" in name:
                    continue
                with self.subTest(name, source=source, stays_open=self.wait):
                    self.row = data
                    client = self.client(self.running)
                    answer = client.ask(target="/row")
                    self.assertEqual((answer.status, answer.body), (status, body))
                    self.assertEqual(answer.get("X"), None)
                    self.assertEqual(client.ask(target="/ordinary").body, b"/ordinary")
                    if " behind " in name:  # surplus bytes: this connection's answers cannot be told apart any more
                        self.assertIsNot(self.ordinary_came_over, self.row_came_over)
                    client.close()
                    self.assert_the_next_answer_is_its_own(name)

    def test_a_client_of_http_1_0_sees_no_interim_answer_and_no_chunks(self):
        self.row = b"HTTP/1.1 103 Early Hints\r\n\r\n" + chunked(b"2\r\nhi\r\n0\r\nX: y\r\n\r\n")
        client = self.client(self.running)
        client.send(b"GET /row HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        everything = client.read_to_end()
        self.assertEqual(everything.count(b"HTTP/1."), 1)
        self.assertNotIn(b"ransfer-", everything)
        self.assertTrue(everything.endswith(b"\r\n\r\nhi"))

    def test_the_verdict_does_not_depend_on_how_the_bytes_arrive(self):
        rows = [row for row in REFUSED + CUT if row[0] in (
            "a NUL in a value", "a length and chunked", "two equal lengths", "data longer than its chunk", "a chunk line with LF")]
        self.assertEqual(len(rows), 5)
        for row in rows:
            for cut in range(1, len(row[2])):
                pieces = row[2][:cut], row[2][cut:]

                def script(conn, pieces=pieces):
                    request = conn.read_request()
                    if request.target != "/row":
                        return conn.answer(200, "own")
                    conn.send(pieces[0])
                    conn.send(pieces[1])
                    conn.read_to_end(gently=False)

                self.up.script = script
                client = self.client(self.running)
                client.send(b"GET /row HTTP/1.1\r\nHost: a\r\n\r\n")
                try:
                    self.assertEqual(client.read_answer().status, 502, (row[0], cut))
                except wire.Ended:
                    self.assertIn(row, CUT, cut)
                client.close()


if __name__ == "__main__":
    unittest.main()
