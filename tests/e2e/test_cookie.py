"""Sticky answers that clients keep in a signed cookie, with real proxies: over failovers, restarts and replicas."""

import json
import os
import re
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artefacts
import wire
from support import Answer, EndToEnd, wait_until

PROBE = {"path": "/health", "interval": "200ms", "timeout": "150ms", "doubt_interval": "50ms",
         "tolerated_failures": 0, "required_passes": 1}


class Browser:
    """Keeps the cookie of one proxy's answers, as long as Max-Age says."""

    def __init__(self):
        self.cookie = None
        self.until = 0.0
        self.given = 0  # how often one was set

    def ask(self, proxy, **headers) -> str:
        return self.get(proxy, **headers).text

    def get(self, proxy, **headers):
        if self.cookie and time.monotonic() < self.until:
            headers["Cookie"] = f"{self.cookie}"
        answer = proxy.get("/", headers)
        for line in answer.headers.get_all("Set-Cookie") or []:
            pair, *attributes = line.split("; ")
            self.cookie, self.given = pair, self.given + 1
            self.until = time.monotonic() + int(dict(a.partition("=")[::2] for a in attributes)["Max-Age"])
        return answer


class CookieTest(EndToEnd):
    def setUp(self):
        super().setUp()
        self.primary, self.secondary = self.stand_in("primary"), self.stand_in("secondary")
        self.key = artefacts.new_key()

    def start(self, stickiness: dict | None = None, **changes):
        settings = {"ttl": "4s", "client": "cookie", "cookie_keys": [self.key], **(stickiness or {})}
        proxy = self.proxy(self.config(self.primary, self.secondary, **{
            "probe": PROBE, "failback": {"healthy_for": "100ms"}, "stickiness": settings, **changes}))
        wait_until(lambda: all(e["monitorStatus"] == "Online" for e in proxy.status()["endpoints"]), what="online")
        return proxy

    def to_the_secondary_and_back(self, proxy, browser):
        """Leaves the browser with an answer for the secondary while the primary is active again."""
        self.primary.health = Answer(500)
        proxy.wait_for_active("secondary")
        self.assertEqual(browser.ask(proxy), "secondary")
        self.primary.health = Answer()
        proxy.wait_for_active("primary")


class Answers(CookieTest):
    def test_an_answer_is_given_once_and_kept_for_the_ttl_though_it_is_used_all_the_time(self):
        proxy, ann = self.start(), Browser()
        self.to_the_secondary_and_back(proxy, ann)
        answered = time.monotonic()
        self.assertEqual(Browser().ask(proxy), "primary")  # others ask anew
        self.assertEqual(ann.given, 1)
        wait_until(lambda: ann.ask(proxy) == "primary", 10, "the failback to reach the client", 0.1)
        self.assertGreater(time.monotonic() - answered, 2)  # it had 4 s from a moment before
        self.assertEqual(ann.given, 2)

    def test_the_cookie_says_no_more_than_it_must(self):
        lines = self.start().get("/").headers.get_all("Set-Cookie")
        self.assertEqual(len(lines), 1)
        self.assertRegex(lines[0], r"^understudy=[0-9a-f]{60}; Path=/; Max-Age=4; HttpOnly; SameSite=Lax$")

    def test_release_leaves_a_dead_endpoint_at_once(self):
        proxy, ann = self.start({"ttl": "60s"}), Browser()
        self.assertEqual(ann.ask(proxy), "primary")
        self.primary.health = Answer(500)
        proxy.wait_for_active("secondary")
        self.assertEqual(ann.ask(proxy), "secondary")
        self.assertEqual((ann.ask(proxy), ann.given), ("secondary", 2))

    def test_hold_keeps_going_to_a_dead_endpoint(self):
        proxy, ann = self.start({"ttl": "60s", "on_degraded": "hold"}), Browser()
        self.assertEqual(ann.ask(proxy), "primary")
        self.primary.health = Answer(500)  # it still answers requests
        proxy.wait_for_active("secondary")
        self.assertEqual((ann.ask(proxy), ann.given), ("primary", 1))
        self.assertEqual(Browser().ask(proxy), "secondary")

    def test_an_answer_that_was_chosen_is_given_with_a_refusal_too(self):
        proxy = self.start({"ttl": "60s", "on_degraded": "hold"}, probe={**PROBE, "interval": "30s", "timeout": "5s"})
        ann = Browser()
        self.primary.stop()
        answer = ann.get(proxy)
        self.assertEqual((answer.status, answer.json()["endpoint"], ann.given), (502, "primary", 1))
        self.assertEqual((ann.get(proxy).status, ann.given), (502, 1))

    def test_without_a_ttl_there_is_no_cookie(self):
        proxy = self.start({"ttl": "0s"})
        self.assertIsNone(proxy.get("/").headers["Set-Cookie"])
        self.assertEqual(proxy.metric("understudy_sticky_misses_total"), 0)

    def test_an_endpoint_that_was_taken_out_is_left(self):
        proxy, ann = self.start({"ttl": "60s", "on_degraded": "hold"}), Browser()
        self.assertEqual(ann.ask(proxy), "primary")
        self.rewrite(proxy, lambda config: config["endpoints"][0].update(enabled=False))
        self.assertEqual(ann.ask(proxy), "secondary")

    def rewrite(self, proxy, change):
        path = proxy.args[2]
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        change(config)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        seen = len(proxy.lines)
        proxy.signal(signal.SIGHUP)
        proxy.wait_line("reloaded", start=seen)

    def test_a_rotation_of_the_keys_moves_nobody(self):
        proxy, ann = self.start({"ttl": "60s"}), Browser()
        self.to_the_secondary_and_back(proxy, ann)
        newer = artefacts.new_key()
        self.rewrite(proxy, lambda c: c["stickiness"].update(cookie_keys=[newer, self.key]))
        self.assertEqual((ann.ask(proxy), ann.given), ("secondary", 1))
        self.rewrite(proxy, lambda c: c["stickiness"].update(cookie_keys=[newer]))
        self.assertEqual((ann.ask(proxy), ann.given), ("primary", 2))


class Replicas(CookieTest):
    def test_a_restart_and_another_proxy_with_the_key_keep_the_answer(self):
        proxy, ann = self.start({"ttl": "60s"}), Browser()
        self.to_the_secondary_and_back(proxy, ann)
        other = self.start({"ttl": "60s"})
        proxy.kill()
        again = self.start({"ttl": "60s"})
        for replica in (other, again):
            self.assertEqual((ann.ask(replica), ann.given), ("secondary", 1))
        stranger = self.start({"ttl": "60s", "cookie_keys": [artefacts.new_key()]})
        self.assertEqual(ann.ask(stranger), "primary")

    def test_without_a_key_answers_end_with_the_process_but_not_with_a_reload(self):
        proxy, ann = self.start({"ttl": "60s", "cookie_keys": []}), Browser()
        proxy.wait_line("has no stickiness.cookie_keys")
        self.to_the_secondary_and_back(proxy, ann)
        seen = len(proxy.lines)
        proxy.signal(signal.SIGHUP)
        proxy.wait_line("reloaded", start=seen)
        self.assertEqual((ann.ask(proxy), ann.given), ("secondary", 1))
        self.assertEqual(ann.ask(self.start({"ttl": "60s", "cookie_keys": []})), "primary")


class Wire(CookieTest, wire.WireTest):
    def test_forged_cookies_make_a_new_client_and_are_not_passed_on(self):
        proxy, ann = self.start({"ttl": "60s"}), Browser()
        self.to_the_secondary_and_back(proxy, ann)
        good = ann.cookie
        self.assertEqual(proxy.get("/", {"Cookie": good}).text, "secondary")
        flipped = good[:-1] + ("0" if good[-1] != "0" else "1")
        for forged in (flipped, good + "0", good[:-1], good + "; " + good, "understudy=", "understudy=" + "f" * 60,
                       good.replace("understudy", "Understudy"), "understudy=" + "f" * 20000, flipped + "; " + good,
                       f'understudy="{good[11:]}"'):
            answer = proxy.get("/", {"Cookie": forged})
            self.assertEqual(answer.text, "primary", forged[:100])
            self.assertIsNotNone(answer.headers["Set-Cookie"], forged[:100])
        for _, _, headers, _ in self.primary.requests:
            self.assertNotIn("understudy=", headers.get("Cookie", ""))

    def test_other_cookies_go_on_byte_for_byte_and_the_endpoint_cannot_set_ours(self):
        self.primary.answer = Answer(headers={"Set-Cookie": "understudy=evil; Path=/; Max-Age=9999999"})
        proxy, ann = self.start({"ttl": "60s"}), Browser()
        first = ann.get(proxy)
        self.assertEqual(len(first.headers.get_all("Set-Cookie")), 1)
        self.assertNotIn("evil", str(first.headers))
        self.assertIsNone(ann.get(proxy).headers["Set-Cookie"])
        rows = [(f"a=1; {ann.cookie}", "a=1"), (f"{ann.cookie}; a=1;b=\"x y\"", "a=1;b=\"x y\""),
                (f"a=%20;{ann.cookie};  b=é=;", "a=%20;  b=é=;"), (ann.cookie, None),
                ("a=understudy=1; understudyx=2", "a=understudy=1; understudyx=2")]
        for sent, wanted in rows:
            self.primary.requests.clear()
            client = self.client(proxy)
            client.send(f"GET / HTTP/1.1\r\nHost: a\r\nCookie: {sent}\r\nX-Next: 1\r\n\r\n".encode())
            self.assertEqual(client.read_answer().status, 200)
            seen = self.primary.requests[0][2]
            got = seen.get("Cookie")
            self.assertEqual(got and got.encode("latin-1").decode(), wanted)
            self.assertEqual(seen["X-Next"], "1")

    def test_a_trusted_proxys_word_for_tls_makes_the_cookie_secure(self):
        proxy = self.start(trusted_proxies=["127.0.0.1"])
        for proto, secure in (("https", True), ("http", False), ("https, http", True)):
            line = proxy.get("/", {"X-Forwarded-Proto": proto}).headers["Set-Cookie"]
            self.assertEqual(line.endswith("; Secure"), secure, line)
        believed = self.start()
        self.assertNotIn("Secure", believed.get("/", {"X-Forwarded-Proto": "https"}).headers["Set-Cookie"])

    def test_its_name_is_a_setting(self):
        proxy, ann = self.start({"cookie": "__Host-front"}), Browser()
        ann.ask(proxy)
        self.assertRegex(ann.cookie, r"^__Host-front=[0-9a-f]{60}$")
        self.primary.requests.clear()
        proxy.get("/", {"Cookie": f"understudy=theirs; {ann.cookie}"})
        self.assertEqual(self.primary.requests[0][2]["Cookie"], "understudy=theirs")

    def test_a_tunnel_gets_its_answer_with_the_101(self):
        def script(conn):
            conn.read_head()
            conn.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                      b"Set-Cookie: understudy=evil\r\n\r\n")

        upstream = self.upstream(script)
        proxy = self.front(upstream, stickiness={"client": "cookie", "ttl": "60s", "cookie_keys": [self.key]})
        client = self.client(proxy)
        client.send(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        head = client.read_head()
        self.assertEqual(len(re.findall(rb"(?i)set-cookie: understudy=[0-9a-f]{60}; ", head.head)), 1)
        self.assertNotIn(b"evil", head.head)


if __name__ == "__main__":
    unittest.main()
