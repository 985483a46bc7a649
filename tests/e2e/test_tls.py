"""TLS on both sides: listeners, verified upstreams, and what happens when a certificate is not good."""

import hashlib
import json
import os
import pathlib
import shutil
import socket
import ssl
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import wire
from certificates import Authority
from support import wait_until
from test_data_path import echo, pattern


class Tls(wire.WireTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="understudy-tls-"))
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.authority = Authority(cls.shared, "authority")
        cls.good = cls.authority.issue("good", "DNS:localhost,DNS:app.example,IP:127.0.0.1")
        cls.other = cls.authority.issue("other", "DNS:other.example")
        cls.expired = cls.authority.issue("expired", "DNS:localhost,IP:127.0.0.1", expired=True)
        cls.unknown = Authority(cls.shared, "stranger").issue("unknown", "DNS:localhost,IP:127.0.0.1")

    def server_context(self, files) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        return context

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority.ca))

    def endpoint(self, upstream, **tls) -> dict:
        return {"name": upstream.name, "url": upstream.url, "tls": {"ca": str(self.authority.ca), **tls}}

    def listener(self, address: str = "127.0.0.1:0") -> list:
        return [{"address": address, "tls": {"certificate": self.good[0], "key": self.good[1]}}]

    def test_a_tls_listener_serves_like_a_cleartext_one(self):
        up = self.upstream(echo)
        proxy = self.front(up, listen=self.listener())
        client = self.client(proxy, self.client_context())
        for i in range(5):
            self.assertEqual(client.ask(target=f"/{i}").text, f"/{i}")
        self.assertEqual(up.requests[0].get("X-Forwarded-Proto"), "https")
        self.assertIn("proto=https", up.requests[0].get("Forwarded"))
        self.assertEqual(len(up.used()), 1)
        client.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nPOST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbodyGET /c HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual([client.read_answer().text for _ in range(3)], ["/a", "body", "/c"])

    def test_large_bodies_pass_tls_on_both_sides_unchanged(self):
        up = self.upstream(echo, tls=self.server_context(self.good))
        client = self.client(self.front(self.endpoint(up), listen=self.listener()), self.client_context())
        for size in (9, 16_384, 16_385, 100_000, 5_000_001):
            body = pattern(size)
            answers = []
            client.send(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n")
            for at in range(0, size, 50_000):
                client.send(body[at:at + 50_000])
            answers.append(client.read_answer("POST"))
            self.assertEqual(hashlib.sha256(answers[0].body).digest(), hashlib.sha256(body).digest(), size)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, 300_000, 30_000):
            client.send(b"%x\r\n%s\r\n" % (30_000, body[at:at + 30_000]))
        client.send(b"0\r\n\r\n")
        self.assertEqual(client.read_answer("POST").body, body[:300_000])

    def test_a_tls_request_byte_by_byte(self):
        client = self.client(self.front(self.upstream(echo), listen=self.listener()), self.client_context())
        for byte in b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n":
            client.send(bytes([byte]))
        self.assertEqual(client.read_answer().text, "abc")

    def test_a_refused_request_over_tls_gets_its_answer_and_the_end(self):
        client = self.client(self.front(self.upstream(echo), listen=self.listener()), self.client_context())
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx" + bytes(100_000))
        answer = client.read_answer()
        self.assertEqual((answer.status, answer.get("Connection")), (400, "close"))

    def test_cleartext_on_a_tls_port_and_broken_handshakes_end_quietly(self):
        proxy = self.front(self.upstream(echo), listen=self.listener(), timeouts={"tls": "500ms"})
        for data in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x16\x03"):
            client = self.client(proxy)
            client.send(data)
            self.assertTrue(client.ended(5), data)
            self.assertNotIn(b"HTTP", client.seen)
        old = ssl.create_default_context(cafile=str(self.authority.ca))
        old.set_alpn_protocols(["h2"])
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.client(proxy, old).ask()
        self.assertEqual(self.client(proxy, self.client_context()).ask().status, 200)

    def test_http_1_1_is_agreed_by_alpn(self):
        context = self.client_context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        client = self.client(self.front(self.upstream(echo), listen=self.listener()), context)
        self.assertEqual(client.sock.selected_alpn_protocol(), "http/1.1")

    def test_a_verified_upstream_is_spoken_to_with_its_name(self):
        names = []
        context = self.server_context(self.good)
        context.sni_callback = lambda sock, name, ctx: names.append(name)
        up = self.upstream(tls=context)
        client = self.client(self.front(self.endpoint(up, server_name="app.example")))
        for _ in range(3):
            self.assertEqual(client.ask().text, "upstream")
        self.assertIn("app.example", names)
        self.assertEqual(len(up.used()), 1)
        self.assertEqual(up.requests[0].get("X-Forwarded-Proto"), "http")

    def test_an_address_in_the_url_is_verified_as_an_address(self):
        up = self.upstream(tls=self.server_context(self.good))
        self.assertEqual(self.client(self.front(self.endpoint(up))).ask().status, 200)

    def test_a_certificate_that_is_not_good_moves_every_method_on(self):
        for files in (self.other, self.expired, self.unknown):
            with self.subTest(pathlib.Path(files[0]).stem):
                bad = self.upstream(echo, "bad", self.server_context(files))
                good = self.upstream(answer_name, "good", self.server_context(self.good))
                proxy = self.front(self.endpoint(bad), self.endpoint(good), evidence={"connect_failures": 1000})
                client = self.client(proxy)
                for method in ("GET", "POST", "DELETE"):
                    answer = client.ask(method, body=b"" if method == "GET" else b"x")
                    self.assertEqual((answer.status, answer.text), (200, "good"), method)
                self.assertEqual(bad.received(), b"")

    def test_when_no_certificate_is_good_the_answer_says_so(self):
        up = self.upstream(echo, tls=self.server_context(self.expired))
        proxy = self.front(self.endpoint(up))
        for method in ("GET", "POST"):
            answer = self.client(proxy).ask(method)
            self.assertEqual((answer.status, json.loads(answer.body)["kind"]), (502, "tls_failed"))
        self.assertEqual(up.received(), b"")

    def test_an_upstream_that_never_ends_its_handshake_is_left(self):
        silent = wire.Upstream("silent", lambda conn: conn.ended())
        self.addCleanup(silent.close)
        good = self.upstream(answer_name, "good", self.server_context(self.good))
        endpoint = {"name": "silent", "url": silent.url.replace("http:", "https:"), "tls": {"ca": str(self.authority.ca)}}
        proxy = self.front(endpoint, self.endpoint(good), timeouts={"tls": "400ms"}, evidence={"connect_failures": 1000})
        self.assertEqual(self.client(proxy).ask("POST", body=b"x").text, "good")

    def test_an_answer_cut_without_close_notify_is_broken_for_the_client(self):
        def script(conn):
            conn.read_request()
            conn.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
            relayed.wait(5)
            os.close(conn.sock.detach())  # no close_notify: the truncation that TLS guards against

        relayed = threading.Event()
        up = self.upstream(script, tls=self.server_context(self.good))
        client = self.client(self.front(self.endpoint(up)))
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.read_head()
        self.assertEqual(client.read_chunk(), b"half")
        relayed.set()
        with self.assertRaises(wire.Ended):
            client.read_chunk()

    def test_an_answer_that_ends_by_close_notify_is_complete(self):
        def script(conn):
            conn.read_request()
            conn.send(b"HTTP/1.1 200 OK\r\n\r\nall")
            conn.sock.unwrap()

        up = self.upstream(script, tls=self.server_context(self.good))
        self.assertEqual(self.client(self.front(self.endpoint(up))).ask().text, "all")

    def test_a_pooled_tls_connection_that_ended_is_replaced(self):
        def script(conn):
            conn.read_request()
            conn.answer()
            conn.sock.unwrap()

        up = self.upstream(script, tls=self.server_context(self.good))
        client = self.client(self.front(self.endpoint(up)))
        for i in range(10):
            self.assertEqual(client.ask().status, 200, i)
        wait_until(lambda: all(conn.sock.fileno() < 0 for conn in up.used()), what="all to be closed")
        self.assertEqual(client.ask("POST", body=b"x").status, 200)

    def test_a_client_that_leaves_over_tls_ends_the_upstreams_work(self):
        ended = []
        up = self.upstream(lambda conn: (conn.read_request(), ended.append(conn.ended(8))))
        proxy = self.front(up, listen=self.listener())
        for turn, leave in enumerate((lambda c: c.sock.close(), lambda c: os.close(c.sock.detach()), wire.Wire.reset), 1):
            client = self.client(proxy, self.client_context())
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            up.wait_requests(turn)
            leave(client)
            wait_until(lambda: len(ended) == turn, what="the upstream to see the end")
        self.assertEqual(ended, [True] * 3)

    def test_a_web_socket_passes_tls_on_both_sides(self):
        def script(conn):
            conn.read_head()
            conn.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            while True:
                conn.send(conn.take(len(conn.buffer)))
                conn.fill("the tunnel")

        up = self.upstream(script, tls=self.server_context(self.good))
        client = self.client(self.front(self.endpoint(up), listen=self.listener()), self.client_context())
        client.send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly")
        self.assertEqual(client.read_answer(interim=True).status, 101)
        self.assertEqual(client.read_exact(5), b"early")
        data = pattern(500_000)
        for at in range(0, len(data), 50_000):
            client.send(data[at:at + 50_000])
            self.assertEqual(client.read_exact(len(data[at:at + 50_000])), data[at:at + 50_000])

    def test_a_renewed_certificate_is_taken_over_by_a_reload(self):
        import signal

        certificate, key = self.folder / "live.pem", self.folder / "live.key"
        shutil.copy(self.good[0], certificate)
        shutil.copy(self.good[1], key)
        proxy = self.front(self.upstream(echo), listen=[{"address": "127.0.0.1:0", "tls": {"certificate": str(certificate), "key": str(key)}}])
        client = self.client(proxy, self.client_context())
        before = client.sock.getpeercert(binary_form=True)
        renewed = self.authority.issue("renewed", "DNS:localhost")
        shutil.copy(renewed[0], certificate)
        shutil.copy(renewed[1], key)
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: proxy.metric("understudy_config_reloads_total", result="ok") == 1, what="the reload")
        fresh = self.client(proxy, self.client_context())
        self.assertNotEqual(fresh.sock.getpeercert(binary_form=True), before)
        self.assertEqual((client.ask(target="/old").text, fresh.ask(target="/new").text), ("/old", "/new"))


def answer_name(conn):
    while True:
        conn.read_request()
        conn.answer(200, conn.upstream.name)


if __name__ == "__main__":
    unittest.main()
