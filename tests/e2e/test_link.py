"""understudy-link as a process: its commands, its words for bad values, and each fault as a client sees it."""

import os
import socket
import subprocess
import sys
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import certificates
from support import EndToEnd, Process, executable, free_port, request


class Link(EndToEnd):
    def link(self, to: str, *args: str) -> Process:
        started = self.process("understudy-link", [executable("understudy-link"), "--listen", "127.0.0.1:0", "--to", to,
                                                   *args], r"^listening on (?P<address>\S+)$")
        started.port = int(started.ready["address"].rsplit(":", 1)[1])
        started.url = f"http://127.0.0.1:{started.port}"
        started.control = "http://" + started.wait_line(r"^control on (\S+)$")[1]
        return started

    def before(self, stand_in) -> Process:
        return self.link(f"127.0.0.1:{stand_in.port}")

    def command(self, link: Process, what: str, expected: int = 200) -> dict:
        answer = request("POST", f"{link.control}/_control/{what}")
        self.assertEqual(answer.status, expected, answer.text)
        return answer.json()

    def state(self, link: Process) -> dict:
        return request("GET", link.control + "/_control/state").json()

    def test_it_forwards_refuses_and_heals_at_its_port(self):
        link = self.before(self.stand_in("primary"))
        self.assertEqual(request("GET", link.url).text, "primary")
        self.assertEqual(self.command(link, "fault?mode=refuse")["mode"], "refuse")
        with self.assertRaises(ConnectionRefusedError):
            request("GET", link.url)
        self.command(link, "heal")
        self.assertEqual(request("GET", link.url).text, "primary")
        state = self.state(link)
        self.assertEqual((state["mode"], state["fault"], state["connections"]), ("forward", "", 2))
        self.assertGreater(state["bytesDown"], len("primary"))

    def test_a_blackholed_request_arrives_when_the_link_heals(self):
        primary = self.stand_in("primary")
        link = self.before(primary)
        self.command(link, "fault?mode=blackhole")
        with socket.create_connection(("127.0.0.1", link.port)) as client:
            client.sendall(b"GET /late HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            client.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                client.recv(1)
            self.assertEqual(primary.requests, [])
            self.command(link, "heal")
            client.settimeout(10)
            self.assertIn(b"200", client.recv(100))
        self.assertEqual([path for _, path, _, _ in primary.requests], ["/late"])

    def test_it_resets_delays_and_answers(self):
        primary = self.stand_in("primary")
        link = self.before(primary)
        self.command(link, "fault?mode=reset&times=1")
        with self.assertRaises(ConnectionResetError):
            request("GET", link.url)
        self.assertEqual(request("GET", link.url).text, "primary")
        self.command(link, "fault?delay=150ms")
        self.assertGreaterEqual(request("GET", link.url).seconds, 0.3)
        self.command(link, "fault?mode=answer&status=403&path=%2Fapi%2F")
        self.assertEqual(request("GET", link.url + "/api/x").status, 403)
        self.assertEqual(request("GET", link.url + "/other").status, 200)
        self.assertNotIn("/api/x", [path for _, path, _, _ in primary.requests])
        self.assertEqual((self.state(link)["answered"], self.state(link)["reset"]), (1, 1))

    def test_bad_values_are_refused_with_words_and_change_nothing(self):
        link = self.before(self.stand_in("primary"))
        self.command(link, "fault?delay=20ms")
        for query, words in (("mode=broken", "blackhole"), ("delay=20", "20s"), ("delay=9h", "at most 10m"),
                             ("rate=fast", "64KiB/s"), ("status=1000", "200 to 599"), ("times=x", "whole number"),
                             ("mode=answer&path=api", "slash"), ("colour=red", "colour"), ("times=3", "answer or reset"),
                             ("mode=refuse&delay=", "delay")):
            self.assertIn(words, self.command(link, "fault?" + query, 400)["error"], query)
        self.assertIn("--tls-certificate", self.command(link, "tls?certificate=a&key=b", 400)["error"])
        self.assertEqual(request("POST", link.control + "/_control/explode").status, 404)
        self.assertEqual(self.state(link)["fault"], "delay=20ms")

    def test_a_command_line_that_cannot_work_is_said(self):
        for args, words in (((), "--to"), (("--to", "nowhere"), "HOST:PORT"), (("--to", "127.0.0.1:1/x"), "HOST:PORT"),
                            (("--to", "127.0.0.1:1", "--listen", "here"), "--listen"),
                            (("--to", "127.0.0.1:1", "--tls-key", "k.pem"), "--tls-certificate"),
                            (("--to", "127.0.0.1:1", "--tls-certificate", "no.pem", "--tls-key", "no.pem"), "no.pem")):
            done = subprocess.run([executable("understudy-link"), *args], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 2, args)
            self.assertIn(words, done.stderr, args)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            done = subprocess.run([executable("understudy-link"), "--to", "127.0.0.1:1", "--listen", address],
                                  capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"cannot listen on {address}", done.stderr)

    def test_it_ends_tls_and_plays_an_expired_certificate(self):
        primary = self.stand_in("primary")
        authority = certificates.Authority(self.folder, "authority")
        good = authority.issue("good", "DNS:localhost")
        expired = authority.issue("expired", "DNS:localhost", expired=True)
        link = self.link(f"127.0.0.1:{primary.port}", "--tls-certificate", good[0], "--tls-key", good[1])
        proxy = self.proxy(self.config({"name": "primary", "url": f"https://localhost:{link.port}",
                                        "tls": {"ca": str(authority.ca)}}))
        proxy.wait_for_status("primary", "Online")
        self.assertEqual(proxy.get("/").text, "primary")
        files = urllib.parse.urlencode({"certificate": expired[0], "key": expired[1]})
        self.command(link, "tls?" + files)
        proxy.wait_for_status("primary", "Degraded", 20)
        self.assertIn("no.pem", self.command(link, "tls?certificate=no.pem&key=no.pem", 400)["error"])
        self.command(link, "tls?" + urllib.parse.urlencode({"certificate": good[0], "key": good[1]}))
        proxy.wait_for_status("primary", "Online", 20)

    def test_it_ends_at_once_with_connections_open(self):
        link = self.before(self.stand_in("primary"))
        with socket.create_connection(("127.0.0.1", link.port)):
            began = time.monotonic()
            link.terminate()
            self.assertEqual(link.wait(), 0)
            self.assertLess(time.monotonic() - began, 3)


if __name__ == "__main__":
    unittest.main()
