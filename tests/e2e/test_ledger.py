"""Starts under the protection of the ledger: written down before a byte of them leaves, sent where they can run, and never told
wrong: what an endpoint's answer, its silence and its end mean to the client that waits."""

from __future__ import annotations

import json
import os
import re
import sys
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artefacts
import wire
from durable_hub import BASE, answer, payload
from protected import NOT_RUNNING, ORIGIN, STOPPED, StartTest, kind
from support import understudy, wait_until

FRESH_ID = re.compile(r"[0-9a-f]{32}")
OFFLINE = answer(503, "<html><head><title>Host Offline</title></head></html>", "Content-Type: text/html\r\n")
RESTRICTED = answer(403, "<html><h1>Error 403 - Forbidden</h1></html>", "Content-Type: text/html\r\n")


class Ids(StartTest):
    def test_a_start_without_an_id_gets_one_at_the_end_of_its_path_and_the_rest_stays_byte_for_byte(self):
        self.begin()
        for function, query in (("Order", ""), ("Ord%20er", "?a=1&b=%2F&code=x%2by"), ("order-1.2~", "?"), ("%C3%9Cber", "?a"),
                                ("Order/", "?x=/y/"), ("a:b@c!$&'()*,;=", "")):
            with self.subTest(function):
                said = self.start(f"/orchestrators/{function}{query}")
                self.assertEqual(said.status, 202, said.text)
                target = self.west.starts()[-1].target
                path, mark, rest = target.partition("?")
                instance = path.rsplit("/", 1)[1]
                self.assertRegex(instance, FRESH_ID)
                self.assertEqual(len(instance), 32)
                self.assertEqual(path, f"{BASE}/orchestrators/{function.rstrip('/')}/{instance}")
                self.assertEqual(mark + rest, query)
                self.assertEqual(json.loads(said.body)["id"], instance)
        self.assertEqual(len(set(self.west.ids())), 6)
        self.assertTrue(self.east.untouched())

    def test_a_route_in_any_spelling_keeps_it(self):
        self.begin()
        for base in ("/Runtime/WebHooks/DurableTask", "/admin/extensions/DurableTaskExtension"):
            self.west.on_start = lambda request: answer(202, payload(self.west.url, "x"))
            self.client(self.proxy_).ask("POST", f"{base}/Orchestrators/Order")
            self.assertRegex(self.west.starts()[-1].target, rf"^{base}/Orchestrators/Order/[0-9a-f]{{32}}$")

    def test_the_base_path_of_an_endpoint_stands_before_the_extended_path(self):
        self.west.on_start = lambda request: answer(202, payload(self.west.url + "/apps/one", "x"))
        self.begin({"name": "west", "url": self.west.url + "/apps/one"})
        said = self.start()
        self.assertRegex(self.west.starts()[0].target, rf"^/apps/one{BASE}/orchestrators/Order/[0-9a-f]{{32}}$")
        self.assertTrue(self.status_url(said).startswith(f"{ORIGIN}{BASE}/instances/"), said.text)

    def test_an_id_of_the_client_is_kept_byte_for_byte(self):
        self.begin()
        for spelt in ("mine", "a+b", "a%20b", "%C3%BCber", "x%2525", "a:b@c!$&'()*,;=", "~._-", "%7e", "A" * 256):
            with self.subTest(spelt):
                said = self.start(f"/orchestrators/Order/{spelt}?a=%2F")
                self.assertEqual(said.status, 202, said.text)
                self.assertEqual(self.west.starts()[-1].target, f"{BASE}/orchestrators/Order/{spelt}?a=%2F")
                self.assertEqual(self.poll(spelt).status, 202)

    def test_the_next_endpoint_gets_the_same_id_function_query_and_body(self):
        self.begin()
        for path in ("/orchestrators/Ord%20er?a=%2F", "/orchestrators/Order/my%20own?a=%2F"):
            for proof in (STOPPED, NOT_RUNNING, OFFLINE):
                with self.subTest(path, proof=proof[:12]):
                    self.west.instances.clear()
                    self.west.on_start = lambda request: proof
                    said = self.start(path, "X-Mine: 7\r\n", b'{"a": [1, 2]}')
                    self.assertEqual((said.status, said.get("X-Served-By"), said.get("X-Understudy-Outcome")), (202, "east", None))
                    there, here = self.west.starts()[-1], self.east.starts()[-1]
                    self.assertEqual((there.target, there.body), (here.target, here.body))
                    self.assertEqual((here.body, here.get("X-Mine"), here.get("Content-Type")), (b'{"a": [1, 2]}', "7", "application/json"))
                    self.assertEqual(len(self.west.starts()), len(self.east.starts()))

    def test_a_refused_connection_moves_a_start_on_at_once(self):
        self.begin(changes={"probe": {**wire.PROBE_BY_TCP, "interval": "30s", "timeout": "5s", "doubt_interval": "5s", "tolerated_failures": 9},
                            "evidence": {"connect_failures": 1000}})
        self.west.upstream.close()
        for path in ("/orchestrators/Order", "/orchestrators/Order/mine"):
            said = self.start(path)
            self.assertEqual((said.status, said.get("X-Served-By"), said.get("X-Understudy-Outcome")), (202, "east", None))
        self.assertEqual(self.east.ids()[1], "mine")
        self.assert_ran(*self.east.ids())

    def test_the_status_url_of_an_answer_is_good_at_this_proxy(self):
        self.begin()
        said = self.start()
        for name, url in json.loads(said.body).items():
            if url and name != "id":
                self.assertTrue(url.startswith(f"{ORIGIN}{BASE}/instances/"), url)
        self.assertTrue(said.get("Location").startswith(f"{ORIGIN}{BASE}/instances/"))
        self.assertNotIn(self.west.url.removeprefix("http://").encode(), said.head + said.body)
        self.assertEqual(self.follow(said).get("X-Served-By"), "west")


class BeforeTheFirstByte(StartTest):
    def look(self, hub=None):
        """When a start comes: how many attempts of its id the ledger's file tells of."""
        self.seen: list[int] = []

        def fault(request):
            self.seen.append(self.attempts_on_disk(request.target.split("?")[0].rsplit("/", 1)[1]))

        (hub or self.west).on_start = fault

    def test_an_entry_is_in_the_file_before_its_endpoint_sees_anything(self):
        self.begin(max_body="64KiB")
        self.look()
        self.assertEqual(self.start().status, 202)
        self.assertEqual(self.start("/orchestrators/Order/mine").status, 202)
        self.assertEqual(self.start(body=b"").status, 202)
        self.assertEqual(self.start(body=b"x" * 65536).status, 202)
        self.assertEqual(self.start(body=b"x" * 65537).status, 202)
        self.assertEqual(self.seen, [1] * 5)
        self.assertEqual([len(r.body) for r in self.west.starts()], [8, 8, 0, 65536, 65537])

    def test_the_next_attempt_is_in_the_file_before_the_next_endpoint_sees_anything(self):
        self.begin()
        self.west.on_start = lambda request: STOPPED
        self.look(self.east)
        self.assertEqual(self.start().get("X-Served-By"), "east")
        self.assertEqual(self.seen, [2])

    def test_however_a_body_comes_all_of_it_is_there_and_written_down_first(self):
        self.begin()
        self.look()
        chunked, expecting, pieces = self.client(self.proxy_), self.client(self.proxy_), self.client(self.proxy_)
        head = f"POST {BASE}/orchestrators/Order HTTP/1.1\r\nHost: a\r\n"
        chunked.send(head, "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
        expecting.send(head, "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        self.assertEqual(expecting.read_answer(interim=True).status, 100)
        pieces.send(head, "Content-Length: 12\r\n\r\n{\"a\":")
        self.assertTrue(pieces.quiet(0.2))
        self.assertEqual(self.west.starts(), [], "nothing is sent before the body is complete")
        chunked.send("1\r\n \r\n0\r\nX-Trailer: a\r\n\r\n")
        expecting.send("{}")
        pieces.send(" 12345}")
        for client in (chunked, expecting, pieces):
            self.assertEqual(client.read_answer().status, 202)
        self.assertEqual(sorted(r.body for r in self.west.starts()), [b'{"a": 12345}', b"{}", b"{} "])
        self.assertEqual(self.seen, [1] * 3)

    def test_a_body_above_the_limit_streams_and_is_not_kept(self):
        self.begin(max_body="1KiB", changes={"timeouts": {"first_byte": "700ms"}})
        client = self.client(self.proxy_)
        client.send(f"POST {BASE}/orchestrators/Order/large HTTP/1.1\r\nHost: client.example\r\nContent-Length: 200000\r\n\r\n", b"begin" * 10_000)
        wait_until(lambda: b"begin" * 1000 in self.west.upstream.received(), what="the beginning at the endpoint")
        self.assertTrue(self.on_disk("large"))
        client.send(b"x" * 150_000)
        self.assertEqual(client.read_answer().status, 202)
        self.assertEqual(len(self.west.starts()[0].body), 200_000)
        self.assertFalse(self.on_disk("beginbegin"))
        self.west.on_start = self.gate().hold()
        said = self.start("/orchestrators/Order/doubtful", body=b"y" * 5000)
        self.assertEqual(kind(said), (504, "outcome_unknown"), "what cannot be repeated gets no 202 of ours")
        body = json.loads(said.body)
        self.assertEqual((body["outcome"], body["instanceId"]), ("unknown", "doubtful"))
        self.assertEqual(body["statusUrl"], f"{ORIGIN}{BASE}/instances/doubtful")
        self.assertEqual(said.get("X-Understudy-Outcome"), "unknown")
        self.assertEqual(self.east.starts(), [])

    def test_a_body_is_kept_while_its_start_is_open_and_dropped_with_its_settlement(self):
        self.begin()
        gate = self.gate()
        self.west.on_start = gate.hold()
        client = self.send_start(body=b'{"secret": "of-the-customer"}')
        gate.reached()
        self.assertTrue(self.on_disk("of-the-customer"))
        self.assertEqual(os.stat(self.ledger_path).st_mode & 0o077, 0)
        gate.open()
        self.assertEqual(client.read_answer().status, 202)
        wait_until(lambda: not self.on_disk("of-the-customer"), what="the body dropped")
        self.assertNotIn("of-the-customer", self.proxy_.text)

    def test_a_body_that_may_not_be_stored_is_not_and_gets_no_promise(self):
        self.begin(store_body=False, answer_after="300ms", changes={"timeouts": {"first_byte": "900ms"}})
        gate = self.gate()
        self.west.on_start = gate.hold()
        client = self.send_start(body=b'{"secret": "of-the-customer"}')
        gate.reached()
        self.assertTrue(self.on_disk(self.west.ids()[0]))
        self.assertFalse(self.on_disk("of-the-customer"))
        self.assertEqual(kind(client.read_answer()), (504, "outcome_unknown"))
        self.proxy_.close()
        for path in self.ledger_path.parent.iterdir():
            self.assertNotIn(b"of-the-customer", path.read_bytes(), path.name)


class Answers(StartTest):
    def test_a_refusal_is_the_endpoints_own_answer_and_nobody_else_is_asked(self):
        self.begin(answer_after="3s")
        for status in (400, 401, 403, 404, 405, 413, 415, 429):
            for path in ("/orchestrators/Order", "/orchestrators/Order/mine"):
                with self.subTest(status, path=path):
                    self.west.on_start = lambda request: (RESTRICTED if status == 403 else
                                                          answer(status, {"Message": "no"}, "Retry-After: 7\r\nX-Own: a\r\n"))
                    said = self.start(path)
                    self.assertEqual((said.status, said.get("X-Understudy-Outcome")), (status, None))
                    self.assertEqual(said.text, "<html><h1>Error 403 - Forbidden</h1></html>" if status == 403 else '{"Message": "no"}')
                    if status != 403:
                        self.assertEqual((said.get("Retry-After"), said.get("X-Own")), ("7", "a"))
        self.assertTrue(self.east.untouched())
        self.assertEqual(self.west.asked(), [], "a refusal needs no look-up")
        self.wait_settled()

    def test_a_failure_that_ran_after_all_is_told_as_what_it_is(self):
        self.begin()
        for path in ("/orchestrators/Order", "/orchestrators/Order/mine-{}"):
            for number, said in enumerate((answer(500), answer(500, "oh"), answer(502), answer(503, "busy"), answer(504), "drop", "reset",
                                           b"nonsense\r\n\r\n")):
                with self.subTest(path, said=said[:20]):
                    self.west.on_start = self.west.ran_then(said)
                    told = self.start(path.format(number))
                    self.assertEqual((told.status, told.get("X-Understudy-Outcome")), (202, None), told.text)
                    self.assertEqual(json.loads(told.body)["id"], self.west.ids()[-1])
                    self.assertEqual(told.get("Location"), self.status_url(told))
                    self.assertEqual(self.follow(told).status, 202)
        self.assertEqual(self.east.starts(), [])
        self.assert_ran(*self.west.ids())

    def test_an_answer_that_broke_off_after_its_first_line_of_success_is_a_success(self):
        self.begin()
        self.west.on_start = lambda request: (self.west.serve(request), b"HTTP/1.1 202 Accepted\r\nContent-Length: 99\r\n"
                                              b"Content-Type: application/json\r\nConnection: close\r\n\r\n{\"id\"")[1]
        told = self.start("/orchestrators/Order/mine")
        self.assertEqual((told.status, json.loads(told.body)["id"]), (202, "mine"))
        self.assert_once_at(self.west, self.east, told)

    def test_a_failure_that_the_hub_denies_twice_is_started_at_the_next_endpoint_under_the_same_id(self):
        self.begin()
        for path in ("/orchestrators/Order", "/orchestrators/Order/mine-{}"):
            for number, said in enumerate((answer(500, "oh"), answer(503, "busy"), "drop", "reset")):
                with self.subTest(path, said=said[:20]):
                    before = len(self.west.starts()), len(self.east.starts()), len(self.west.asked())
                    self.west.on_start = lambda request: said
                    told = self.start(path.format(number))
                    self.assertEqual((told.status, told.get("X-Understudy-Outcome")), (202, None), told.text)
                    instance = json.loads(told.body)["id"]
                    self.assertEqual(told.get("X-Served-By"), "east")
                    self.assertEqual((self.west.ids()[before[0]:], self.east.ids()[before[1]:]), ([instance], [instance]))
                    self.assertGreaterEqual(self.west.asked()[before[2]:].count(f"/instances/{instance}"), 2)
        self.assert_ran(*self.east.ids())

    def test_one_404_is_no_proof(self):
        """The start is written to the hub between the first and the second look."""
        self.begin(settle_after="1s")
        late = []

        def fault(request):
            if request.method == "GET" and not request.get("Via"):
                late.append(request)
                if len(late) == 1:
                    self.west.run("mine", b"")
                    return answer(404)
            return "drop" if self.west.is_start(request) else None

        self.west.fault = fault
        told = self.start("/orchestrators/Order/mine")
        self.assertEqual((told.status, json.loads(told.body)["id"]), (202, "mine"))
        self.assert_once_at(self.west, self.east, told)

    def test_a_run_from_before_is_not_taken_for_this_one(self):
        self.west.instances["mine"], self.west.created["mine"] = "Completed", "2020-01-01T00:00:00Z"
        self.begin()
        self.west.on_start = lambda request: "drop"
        told = self.start("/orchestrators/Order/mine")
        self.assertEqual((told.status, told.get("X-Served-By")), (202, "east"))
        self.assert_ran("mine")

    def test_pages_and_troubled_look_ups_prove_nothing(self):
        for trouble in (answer(404, "<html>gone</html>", "Content-Type: text/html\r\n"), answer(500), answer(503), "drop", answer(401),
                        answer(200, "{}"), answer(200, "null", "Content-Type: application/json\r\n")):
            with self.subTest(trouble[:40]):
                self.begin(answer_after="1200ms", settle_after="100ms")
                self.west.fault = self.east.fault = lambda request: "drop" if self.west.is_start(request) else trouble
                said = self.start("/orchestrators/Order/mine")
                self.assert_unconfirmed(said)
                self.assertEqual(self.east.starts(), [])
                self.proxy_.close()
                self.ledger_path.unlink()

    def test_an_id_that_is_alive_is_refused_in_the_apps_words(self):
        self.begin()
        self.assertEqual(self.start("/orchestrators/Order/mine").status, 202)
        said = self.start("/orchestrators/Order/mine")
        self.assertEqual((said.status, said.get("X-Understudy-Outcome")), (500, None))
        self.assertIn("already exists", said.text)
        self.west.on_start = lambda request: answer(409, "taken")
        self.assertEqual((self.start("/orchestrators/Order/mine").status, self.east.starts()), (409, []))
        self.assert_ran("mine")

    def test_an_id_that_is_alive_is_a_conflict_when_the_config_says_so(self):
        self.begin(durable={"duplicate_status": "409"})
        self.assertEqual(self.start("/orchestrators/Order/mine").status, 202)
        self.assertEqual(kind(self.start("/orchestrators/Order/mine")), (409, "already_exists"))
        self.west.on_start = lambda request: answer(500, "some other trouble")
        self.assertNotEqual(self.start("/orchestrators/Order/other").status, 409)

    def test_when_nobody_can_be_reached_a_start_did_not_run_and_says_so(self):
        self.begin()
        self.down(self.west, self.east)
        for path in ("/orchestrators/Order", "/orchestrators/Order/mine"):
            said = self.start(path)
            self.assertEqual((said.status, said.get("X-Understudy-Outcome")), (503, "not_run"), said.text)
        self.up(self.east)
        self.wait_settled()
        self.assertEqual(self.east.starts(), [], "who was told that it did not run will come again")

    def test_when_all_prove_that_nothing_ran_the_last_answer_is_relayed(self):
        self.begin()
        self.west.on_start = lambda request: STOPPED
        self.east.on_start = lambda request: NOT_RUNNING
        said = self.start()
        self.assertEqual((said.status, said.text), (503, "Function host is not running."))
        self.assertEqual((len(self.west.starts()), len(self.east.starts())), (1, 1))

    def test_a_client_held_to_a_dead_endpoint_is_told_that_its_start_did_not_run(self):
        self.begin(changes={"stickiness": {"ttl": "60s", "on_degraded": "hold"}})
        self.assertEqual(self.start().get("X-Served-By"), "west")
        self.down(self.west)
        said = self.start()
        self.assertEqual((*kind(said), said.get("X-Understudy-Outcome")), (503, "held_start", "not_run"))
        self.assertEqual(self.east.starts(), [])

    def test_starts_that_come_after_the_fault_go_straight_to_the_next_endpoint(self):
        self.begin()
        self.down(self.west)
        for number in range(5):
            self.assertEqual(self.start(f"/orchestrators/Order/i{number}").get("X-Served-By"), "east")
        self.assert_ran(*(f"i{number}" for number in range(5)))

    def test_a_key_that_an_endpoint_refuses_is_our_fault_and_the_next_one_serves(self):
        endpoints = self.keyed()
        right, self.west.key = self.west.key, artefacts.new_key()
        self.begin(*endpoints, changes={"clients": {"keys": [self.client_key]}})
        said = self.start("/orchestrators/Order", self.key_line())
        self.assertEqual((said.status, said.get("X-Served-By")), (202, "east"))
        self.assertNotIn(right.encode(), said.head + said.body)
        self.east.key = artefacts.new_key()
        said = self.start("/orchestrators/Order", self.key_line())
        self.assertEqual((*kind(said), said.get("X-Understudy-Outcome")), (502, "key_refused", "not_run"))


class CustomStarters(StartTest):
    ROUTE = "POST /api/orchestrators/{function}"

    def begin_with(self, via: str, *endpoints, changes: dict | None = None, **ledger):
        return self.begin(*endpoints, durable={"start_routes": [{"route": self.ROUTE, "via": via}]}, changes=changes, **ledger)

    def custom(self, fields: str = "", body: bytes = b'{"n": 1}', query: str = "") -> wire.Message:
        return self.client(self.proxy_).ask("POST", f"/api/orchestrators/Order{query}", fields, body)

    def test_as_is_goes_as_it_is_and_its_outcome_is_unknown_when_nobody_says(self):
        self.begin_with("as-is", changes={"timeouts": {"first_byte": "600ms"}})
        said = self.custom(query="?a=%2F")
        self.assertEqual((said.status, said.get("X-Served-By")), (202, "west"))
        self.assertEqual(self.west.forwarded()[0].target, "/api/orchestrators/Order?a=%2F")
        self.assertEqual(self.follow(said).status, 202)
        for fault in ("hang", "drop", "reset"):
            with self.subTest(fault):
                self.west.on_start = lambda request: fault
                said = self.custom()
                self.assertEqual((*kind(said), said.get("X-Understudy-Outcome")), (504, "outcome_unknown", "unknown"))
                self.assertEqual(json.loads(said.body)["outcome"], "unknown")
                self.assertNotIn("Failed", said.text)
        for status in (500, 502, 503, 504):
            self.west.on_start = lambda request: answer(status, "own words")
            said = self.custom()
            self.assertEqual((said.status, said.text, said.get("X-Understudy-Outcome")), (status, "own words", "unknown"))
        self.assertEqual(self.east.starts(), [])

    def test_as_is_refusals_are_relayed_and_what_proves_that_nothing_ran_moves_it_on(self):
        self.begin_with("as-is")
        for status in (400, 401, 404, 429):
            self.west.on_start = lambda request: answer(status, "own words")
            said = self.custom()
            self.assertEqual((said.status, said.text, said.get("X-Understudy-Outcome")), (status, "own words", None))
        self.assertEqual(self.east.starts(), [])
        for proof in (STOPPED, NOT_RUNNING):
            self.west.on_start = lambda request: proof
            said = self.custom()
            self.assertEqual((said.status, said.get("X-Served-By")), (202, "east"))
        self.west.upstream.close()
        self.assertEqual(self.custom().get("X-Served-By"), "east")

    def test_as_is_never_extends_the_path_and_asks_no_hub(self):
        self.begin_with("as-is")
        self.west.on_start = lambda request: answer(500)
        self.custom()
        self.assertEqual([r.target for r in self.west.forwarded()], ["/api/orchestrators/Order"])
        self.assertEqual(self.west.asked(), [])

    def test_built_in_goes_to_the_built_in_route_with_the_durable_key_for_whoever_may_use_it(self):
        endpoints = self.keyed()
        self.begin_with("built-in", *endpoints, changes={"clients": {"keys": [self.client_key]}})
        for fields, query in ((self.key_line(), "?a=1"), ("", f"?code={urllib.parse.quote(self.client_key, safe='')}")):
            said = self.custom(fields, b'{"a": 1}', query)
            self.assertEqual((said.status, said.get("X-Served-By")), (202, "west"), said.text)
            request = self.west.forwarded()[-1]
            self.assertRegex(request.target, rf"^{BASE}/orchestrators/Order/[0-9a-f]{{32}}$")
            self.assertEqual((request.get("x-functions-key"), request.body), (self.west.key, b'{"a": 1}'))
            self.assertNotIn(self.west.key.encode(), said.body)
            self.assertEqual(self.follow(said, "").status, 202, "the URL carries the client's own key")
        self.west.on_start = lambda request: "drop"
        said = self.custom(self.key_line())
        self.assertEqual((said.status, said.get("X-Served-By")), (202, "east"), "and is protected fully")

    def test_built_in_is_as_is_for_strangers(self):
        endpoints = self.keyed()
        self.begin_with("built-in", *endpoints, changes={"clients": {"keys": [self.client_key]}})
        for fields in ("", "x-functions-key: theirs\r\n"):
            self.assertEqual(self.custom(fields).status, 202)
            request = self.west.forwarded()[-1]
            self.assertEqual(request.target, "/api/orchestrators/Order")
            self.assertEqual(request.get("x-functions-key"), "theirs" if fields else None)

    def test_built_in_is_for_everybody_where_no_keys_are_asked_for(self):
        self.begin_with("built-in")
        said = self.custom()
        self.assertRegex(self.west.starts()[0].target, rf"^{BASE}/orchestrators/Order/[0-9a-f]{{32}}$")
        self.assertEqual(self.follow(said).status, 202)

    def test_a_starter_that_is_not_listed_is_known_by_its_first_answer(self):
        self.begin(changes={"timeouts": {"first_byte": "600ms"}})
        self.assertEqual(self.custom().status, 202)
        self.west.on_start = lambda request: "drop"
        said = self.custom()
        self.assertEqual((*kind(said), said.get("X-Understudy-Outcome")), (504, "outcome_unknown", "unknown"))
        self.assertEqual(self.book()["unknown"] + self.book()["listed"] > 0, True)


class IdempotencyKeys(StartTest):
    KEY = "Idempotency-Key: order-17\r\n"

    def test_a_repeat_while_the_first_is_open_gets_its_answer(self):
        self.begin()
        gate = self.gate()
        self.west.on_start = gate.hold()
        first = self.send_start(fields=self.KEY)
        gate.reached()
        others = [self.send_start(fields=self.KEY) for _ in range(4)]
        wait_until(lambda: self.book()["joined"] == 4, what="four joined")
        gate.open()
        answers = [client.read_answer() for client in (first, *others)]
        self.assertEqual({said.status for said in answers}, {202})
        self.assertEqual({json.loads(said.body)["id"] for said in answers}, {self.west.ids()[0]})
        self.assert_once_at(self.west, self.east, answers[0])
        for said in answers:
            self.assertEqual(self.follow(said).status, 202)

    def test_two_that_come_at_once_are_one(self):
        self.begin()
        clients = [self.send_start(fields=self.KEY) for _ in range(20)]
        answers = [client.read_answer() for client in clients]
        self.assertEqual({(said.status, json.loads(said.body)["id"]) for said in answers}, {(202, self.west.ids()[0])})
        self.assertEqual(len(self.west.starts()), 1)

    def test_a_repeat_afterwards_gets_the_stored_answer_and_nobody_is_asked(self):
        self.begin()
        first = self.start(fields=self.KEY)
        for _ in range(2):
            again = self.start(fields=self.KEY)
            self.assertEqual((again.status, again.get("Idempotent-Replayed")), (202, "true"), again.text)
            self.assertEqual(json.loads(again.body)["id"], json.loads(first.body)["id"])
            self.assertEqual(self.status_url(again).partition("?")[0], self.status_url(first).partition("?")[0])
            self.proxy_.kill()  # and after a crash
            self.begin()
        self.assertEqual(len(self.west.starts()), 1)
        self.assertIsNone(first.get("Idempotent-Replayed"))

    def test_another_body_or_function_is_told_apart(self):
        self.begin()
        self.assertEqual(self.start(fields=self.KEY).status, 202)
        self.assertEqual(kind(self.start(fields=self.KEY, body=b'{"n": 2}')), (422, "key_reused"))
        self.assertEqual(self.start("/orchestrators/Other", self.KEY).status, 202, "another route, another scope")
        self.assertEqual(len(self.west.starts()), 2)

    def test_clients_do_not_share_a_key(self):
        endpoints, other = self.keyed(), artefacts.new_key()
        self.begin(*endpoints, changes={"clients": {"keys": [self.client_key, other]}})
        first = self.start(fields=self.KEY + self.key_line())
        second = self.start(fields=self.KEY + self.key_line(other))
        self.assertEqual((first.status, second.status, second.get("Idempotent-Replayed")), (202, 202, None))
        self.assertNotEqual(json.loads(first.body)["id"], json.loads(second.body)["id"])
        again = self.start(fields=self.KEY + self.key_line(other))
        self.assertEqual((json.loads(again.body)["id"], again.get("Idempotent-Replayed")), (json.loads(second.body)["id"], "true"))
        for key in (self.west.key, self.client_key):
            self.assertNotIn(urllib.parse.quote(key, safe=""), again.text)
        self.assertEqual(self.follow(again).status, 202)

    def test_after_a_refusal_it_starts_afresh(self):
        self.begin()
        self.west.on_start = lambda request: answer(400, "no")
        self.assertEqual(self.start(fields=self.KEY).status, 400)
        self.west.on_start = lambda request: None
        said = self.start(fields=self.KEY)
        self.assertEqual((said.status, said.get("Idempotent-Replayed")), (202, None))
        self.assertEqual(len(self.west.starts()), 2)

    def test_a_repeat_of_what_is_unconfirmed_is_unconfirmed_with_the_same_url(self):
        self.begin(answer_after="300ms")
        self.west.on_start = self.gate().hold()
        first, second = self.start(fields=self.KEY), self.start(fields=self.KEY)
        for said in (first, second):
            self.assertEqual(said.status, 202)
        self.assert_unconfirmed(first)
        self.assertEqual(self.status_url(first), self.status_url(second))
        self.assertEqual((len(self.west.starts()), self.east.starts()), (1, []))

    def test_an_as_is_starter_honours_it_too(self):
        self.begin(durable={"start_routes": [{"route": "POST /api/orchestrators/{function}", "via": "as-is"}]})
        first, again = [self.client(self.proxy_).ask("POST", "/api/orchestrators/Order", self.KEY, b"1") for _ in range(2)]
        self.assertEqual((first.status, again.status, again.get("Idempotent-Replayed")), (202, 202, "true"))
        self.assertEqual(json.loads(again.body)["id"], json.loads(first.body)["id"])
        self.assertEqual(self.follow(again).status, 202)
        self.assertEqual(len(self.west.starts()), 1)


class RepeatedIds(StartTest):
    def test_an_id_repeated_while_it_is_open_joins_or_conflicts(self):
        self.begin()
        gate = self.gate()
        self.west.on_start = gate.hold()
        first = self.send_start("/orchestrators/Order/mine")
        gate.reached()
        self.assertEqual(kind(self.start("/orchestrators/Order/mine", body=b'{"n": 2}')), (409, "id_in_use"))
        self.assertEqual(kind(self.start("/orchestrators/Order/%6Dine", body=b'{"n": 2}')), (409, "id_in_use"))
        second = self.send_start("/orchestrators/Order/mine")
        wait_until(lambda: self.book()["joined"] == 1, what="one joined")
        gate.open()
        for client in (first, second):
            said = client.read_answer()
            self.assertEqual((said.status, json.loads(said.body)["id"]), (202, "mine"))
        self.assertEqual(self.west.ids(), ["mine"])
        self.assert_ran("mine")

    def test_a_finished_id_may_be_started_again(self):
        self.begin()
        for times in (1, 2, 3):
            self.assertEqual(self.start("/orchestrators/Order/mine").status, 202)
            self.west.instances["mine"] = "Completed"
            self.assertEqual(len(self.west.starts()), times)


class OtherRegions(StartTest):
    HUB = "per_region"

    def place_in_the_east(self, **ledger):
        self.begin(**ledger)
        self.assertEqual(understudy("drain", "west", "--admin", self.proxy_.admin).code, 0)
        self.proxy_.wait_for_active("east")
        self.assertEqual(self.start("/orchestrators/Order/mine").get("X-Served-By"), "east")
        understudy("drain", "west", "--undo", "--admin", self.proxy_.admin)
        self.proxy_.wait_for_active("west")

    def test_an_id_that_runs_in_another_region_is_refused_by_name(self):
        self.place_in_the_east()
        said = self.start("/orchestrators/Order/mine")
        self.assertEqual(kind(said), (409, "id_elsewhere"))
        self.assertIn("east-region", said.text)
        self.assertEqual((self.west.starts(), len(self.east.starts())), ([], 1))
        self.east.upstream.close()
        self.assertEqual(kind(self.start("/orchestrators/Order/mine")), (409, "id_elsewhere"), "the last known status decides")

    def test_an_id_that_is_over_in_another_region_may_be_started_here(self):
        for end in ("Completed", None):
            with self.subTest(end):
                self.place_in_the_east()
                self.east.instances["mine"] = end
                if end is None:
                    del self.east.instances["mine"]
                self.assertEqual(self.start("/orchestrators/Order/mine").get("X-Served-By"), "west")
                self.assertEqual(self.poll("mine").get("X-Served-By"), "west")
                self.proxy_.close()
                for hub in (self.west, self.east):
                    hub.instances.clear()
                for path in self.ledger_path.parent.iterdir():
                    path.unlink()

    def test_an_id_in_two_regions_is_a_right_that_the_config_can_give(self):
        self.place_in_the_east(same_id_elsewhere="start")
        self.assertEqual(self.start("/orchestrators/Order/mine").get("X-Served-By"), "west")

    def test_an_unknown_start_is_looked_for_in_its_own_region_only(self):
        self.begin(answer_after="8s")
        self.west.on_start = lambda request: "drop"
        self.east.instances["mine"], self.east.created["mine"] = "Completed", "2020-01-01T00:00:00Z"
        said = self.start("/orchestrators/Order/mine")
        self.assertEqual((said.status, said.get("X-Served-By")), (202, "east"))
        self.assertGreaterEqual(self.west.asked().count("/instances/mine"), 2)
        self.assertEqual(self.poll("mine").get("X-Served-By"), "east")


class Connections(StartTest):
    def test_requests_sent_ahead_of_a_start_are_served_in_order(self):
        self.begin()
        gate = self.gate()
        self.west.on_start = gate.hold()
        client = self.client(self.proxy_)
        start = f"POST {BASE}/orchestrators/Order HTTP/1.1\r\nHost: client.example\r\nContent-Length: 2\r\n\r\n{{}}"
        client.send(start, "GET /api/1 HTTP/1.1\r\nHost: a\r\n\r\n", start, f"GET {BASE}/instances/none HTTP/1.1\r\nHost: a\r\n\r\n")
        gate.reached()
        gate.open()
        self.assertEqual([client.read_answer().status for _ in range(4)], [202, 200, 202, 404])
        self.assertEqual(len(self.west.runs), 2)

    def test_requests_sent_ahead_of_a_start_in_doubt_are_served_in_order(self):
        self.begin(answer_after="300ms")
        self.west.on_start = self.gate().hold()
        client = self.client(self.proxy_)
        start = f"POST {BASE}/orchestrators/Order HTTP/1.1\r\nHost: client.example\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
        client.send(start, "GET /api/1 HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assert_unconfirmed(client.read_answer())
        self.assertEqual(client.read_answer().text, "west")
        self.assertEqual(client.ask("GET", "/api/2").text, "west", "and the connection lives on")

    def test_a_client_of_http_1_0_is_served(self):
        self.begin(answer_after="300ms")
        head = f"POST {BASE}/orchestrators/Order HTTP/1.0\r\nHost: client.example\r\nContent-Length: 2\r\n\r\n{{}}"
        client = self.client(self.proxy_)
        client.send(head)
        said = client.read_answer()
        self.assertEqual(said.status, 202)
        self.assertTrue(client.ended())
        self.west.on_start = self.gate().hold()
        client = self.client(self.proxy_)
        client.send(head)
        self.assert_unconfirmed(client.read_answer())
        self.assertTrue(client.ended())

    def test_a_body_that_does_not_arrive_starts_nothing_and_leaves_nothing(self):
        self.begin(changes={"timeouts": {"body": "300ms"}})
        client = self.client(self.proxy_)
        client.send(f"POST {BASE}/orchestrators/Order/half HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
        self.assertEqual(client.read_answer().status, 408)
        gone = self.send_start("/orchestrators/Order/gone")
        gone.buffer.clear()
        gone.read_answer()
        leaving = self.client(self.proxy_)
        leaving.send(f"POST {BASE}/orchestrators/Order/left HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
        leaving.reset()
        self.assert_idle(self.proxy_)
        self.assertEqual(self.west.ids(), ["gone"])
        self.assertFalse(self.on_disk("half") or self.on_disk("left"))

    def test_a_pooled_connection_that_had_ended_costs_no_start(self):
        """The end of an idle connection and the next start cross on the wire: a fresh one is opened, for the same attempt."""
        self.west.on_start = lambda request: self.west.serve(request).replace(b"HTTP/1.1 202 Said\r\n", b"HTTP/1.1 202 Said\r\nConnection: close\r\n")
        self.begin()
        for number in range(10):
            self.assertEqual(self.start(f"/orchestrators/Order/i{number}").get("X-Served-By"), "west")
        self.assert_ran(*(f"i{number}" for number in range(10)))


class Unprotected(StartTest):
    def assert_as_before(self):
        said = self.start("/orchestrators/Order?a=1", "Idempotency-Key: a\r\n")
        self.assertEqual((said.status, self.west.starts()[-1].target), (202, f"{BASE}/orchestrators/Order?a=1"))
        self.assertEqual(self.west.starts()[-1].get("Idempotency-Key"), "a")
        self.assertEqual(self.start("/orchestrators/Order?a=1", "Idempotency-Key: a\r\n").get("Idempotent-Replayed"), None)
        self.west.on_start = lambda request: answer(500, "own words")
        said = self.start("/orchestrators/Order/mine")
        self.assertEqual((said.status, said.text), (500, "own words"))
        self.west.on_start = lambda request: "drop"
        said = self.start("/orchestrators/Order/mine")
        self.assertEqual(said.get("X-Understudy-Outcome"), "unknown")
        self.west.on_start = lambda request: STOPPED
        self.assertEqual(self.start("/orchestrators/Order/mine").get("X-Served-By"), "east")
        self.assertEqual(self.poll("none").status, 404)

    def test_without_a_task_hub_nothing_of_this_happens_and_start_up_says_so(self):
        self.proxy_ = self.front(self.endpoint(self.west), self.endpoint(self.east), durable={"ledger": {"path": str(self.ledger_path)}})
        self.proxy_.wait_line("starts are not protected: set durable.task_hub")
        self.assert_as_before()
        self.assertFalse(self.ledger_path.exists() and self.on_disk("mine"))

    def test_with_the_ledger_off_nothing_of_this_happens(self):
        self.begin(mode="off")
        self.assert_as_before()
        self.assertFalse(self.ledger_path.exists())

    def test_in_memory_it_protects_until_the_proxy_ends(self):
        self.begin(mode="memory", answer_after="300ms")
        self.west.on_start = self.west.ran_then("drop")
        said = self.start()
        self.assertEqual((said.status, said.get("X-Understudy-Outcome")), (202, None))
        gate = self.gate()
        self.west.on_start = gate.hold()
        said = self.start("/orchestrators/Order/mine")
        self.assert_unconfirmed(said)
        self.assert_shown_as(self.follow(said), "Pending")
        self.assertFalse(self.ledger_path.exists())
        self.proxy_.kill()
        self.begin(mode="memory")
        self.assertEqual(self.poll("mine").status, 404)
        self.assertEqual(self.book()["open"], 0)


if __name__ == "__main__":
    unittest.main()
