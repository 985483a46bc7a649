"""Where a request about an instance goes when every region has a hub of its own, and what a client is told while that
region is away: never a false 404, never another hub."""

from __future__ import annotations

import concurrent.futures
import json
import os
import signal
import sqlite3
import sys
import threading
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artefacts
import wire
from durable_hub import BASE, CREATED, Hub, HubTest, answer
from support import understudy, wait_until

STOPPED = answer(403, "<html><h1>Error 403 - This web app is stopped.</h1></html>", "Content-Type: text/html\r\n")
PROBE_BY_HTTP = {"path": "/health", "interval": "500ms", "timeout": "300ms", "doubt_interval": "50ms",
                 "tolerated_failures": 1, "required_passes": 1}


class RegionTest(HubTest):
    def setUp(self):
        super().setUp()
        self.west, self.east = self.hub("west"), self.hub("east")

    def begin(self, durable: dict | None = None, **changes):
        self.proxy_ = self.regions(self.west, self.east, durable=durable, **changes)
        return self.proxy_

    def ask(self, method: str, path: str, fields: str = "", body: bytes = b"") -> wire.Message:
        return self.client(self.proxy_).ask(method, BASE + path, fields, body)

    def poll(self, instance: str, fields: str = "") -> wire.Message:
        return self.ask("GET", f"/instances/{instance}", fields)

    def kind(self, message: wire.Message) -> tuple[int, str]:
        return message.status, json.loads(message.body)["kind"]

    def assert_last_known(self, said: wire.Message, status: str, code: int = 202, region: str = "west-region"):
        self.assertEqual((said.status, said.get("X-Understudy-Stale")), (code, region), said.text)
        self.assertEqual(said.get("Retry-After"), "5")
        self.assertEqual(json.loads(said.body)["runtimeStatus"], status)

    def look_ups(self) -> float:
        return self.proxy_.metric("understudy_instance_look_ups_total")

    def down(self, hub: Hub):
        """Gone without a word, and known to be."""
        hub.upstream.close()
        self.proxy_.wait_for_status(hub.name, "Degraded")

    def up(self, hub: Hub):
        hub.upstream.start()
        self.proxy_.wait_for_status(hub.name, "Online")


class Owners(RegionTest):
    ACTIONS = ("raiseEvent/Go", "suspend?reason=a", "resume", "rewind", "terminate?reason=%7Bb%7D")

    def test_whatever_is_asked_of_an_instance_reaches_its_hub_though_the_other_one_is_active(self):
        self.begin()
        self.east.instances["mine"] = "Running"
        self.assertEqual(self.poll("mine").get("X-Served-By"), "east")
        for action in self.ACTIONS:
            said = self.ask("POST", f"/instances/mine/{action}", "Content-Type: application/json\r\n", b'{"a": 1}')
            self.assertEqual((said.status, said.get("X-Served-By")), (202, "east"), action)
            request = self.east.forwarded()[-1]
            self.assertEqual((request.target, request.body), (f"{BASE}/instances/mine/{action}", b'{"a": 1}'))
        self.assertEqual(self.look_ups(), 1)
        self.assertEqual(self.ask("DELETE", "/instances/mine").get("X-Served-By"), "east")
        self.assertEqual(self.poll("mine").status, 404)
        self.assertEqual(self.west.seen(), [], "questions alone")

    def test_an_event_for_an_id_that_nobody_has_met_is_asked_about_and_delivered_once(self):
        self.begin()
        self.east.instances["mine"] = "Running"
        said = self.ask("POST", "/instances/mine/raiseEvent/Go", "Content-Type: application/json\r\n", b"7")
        self.assertEqual((said.status, said.get("X-Served-By")), (202, "east"))
        self.assertEqual([r.body for r in self.east.upstream.requests if r.method == "POST"], [b"7"])
        self.assertEqual([r for r in self.west.upstream.requests if r.method == "POST"], [])

    def test_404_is_said_only_when_every_hub_proved_the_absence(self):
        self.begin()
        self.assertEqual(self.poll("none").status, 404)
        self.assertIn("/instances/none", self.west.asked())
        self.assertIn("/instances/none", self.east.asked())
        page = answer(404, "<html>no such site</html>", "Content-Type: text/html\r\n")
        for fault in (page, answer(500), answer(503), answer(200, "<html>", "Content-Type: text/html\r\n"), answer(401), "drop"):
            self.east.fault = lambda request: fault
            self.assertEqual(self.kind(self.poll("none")), (503, "away"), fault)
        self.east.fault = lambda request: None
        self.assertEqual(self.poll("none").status, 404)
        self.down(self.east)
        self.assertEqual(self.kind(self.poll("none")), (503, "away"))
        self.assertEqual(self.kind(self.ask("POST", "/instances/none/terminate")), (503, "away"))
        self.assertNotIn("POST /instances/none/terminate", self.west.seen())

    def test_ids_travel_byte_for_byte_and_are_known_under_every_spelling(self):
        self.begin()
        for spelt, others in (("a+b", ["a%2Bb", "a%2bb"]), ("a%20b", ["%61%20b"]), ("%C3%BCber", ["%c3%bcber"]), ("x%2525", []),
                              ("a:b@c!$&'()*,;=", ["a%3Ab%40c!$&'()*,;="]), ("%zz%", []), ("~._-", ["%7E._-"])):
            with self.subTest(spelt):
                said = self.ask("POST", f"/orchestrators/F/{spelt}")
                self.assertEqual(said.status, 202)
                self.assertEqual(self.west.forwarded()[-1].target, f"{BASE}/orchestrators/F/{spelt}")
                before = self.look_ups()
                for each in (spelt, *others):
                    said = self.poll(each)
                    self.assertEqual((said.status, said.get("X-Served-By")), (202, "west"), each)
                    self.assertEqual(self.west.forwarded()[-1].target, f"{BASE}/instances/{each}")
                self.assertEqual((self.look_ups(), self.east.seen()), (before, []))

    def test_a_look_up_names_the_hub_that_the_client_names(self):
        self.proxy_ = self.regions(self.endpoint(self.west, task_hub_name="W"), self.endpoint(self.east, connection="E"))
        self.poll("none?taskHub=Other&connection=Mine")
        asked = [sorted(next(r.target for r in hub.upstream.requests if "/none" in r.target).partition("?")[2].split("&"))
                 for hub in (self.west, self.east)]
        self.assertEqual(asked, [["showInput=false", "taskHub=W"], ["connection=E", "showInput=false"]])

    def test_a_purged_instance_is_forgotten_and_a_restarted_one_known(self):
        self.begin()
        self.ask("POST", "/orchestrators/F/a")
        again = json.loads(self.ask("POST", "/instances/a/restart").body)["id"]
        before = self.look_ups()
        self.assertEqual(self.poll(again).get("X-Served-By"), "west")
        self.assertEqual(self.look_ups(), before)
        self.assertEqual(self.ask("DELETE", "/instances/a").status, 200)
        self.east.instances["a"] = "Running"  # started there since, past this proxy
        self.assertEqual(self.poll("a").get("X-Served-By"), "east")
        del self.east.instances["a"]
        self.west.instances["a"] = "Completed"
        self.assertEqual(self.poll("a").get("X-Served-By"), "west", "an owner that does not know it any more is not believed")

    def test_a_404_for_a_wrong_method_or_action_does_not_make_the_proxy_forget(self):
        self.begin()
        self.ask("POST", "/orchestrators/F/a")
        for method, path in (("PUT", "/instances/a"), ("POST", "/instances/a/no-such-action"), ("GET", "/instances/a/b/c"),
                             ("HEAD", "/instances/a")):
            self.assertEqual(self.ask(method, path).status, 404)
        self.assertEqual(self.east.seen(), [])
        self.down(self.west)
        self.assert_last_known(self.poll("a"), "Pending")

    def test_a_page_in_place_of_the_owner_is_no_404_of_its_hub(self):
        self.begin()
        self.ask("POST", "/orchestrators/F/a")
        self.west.fault = lambda request: answer(404, "<h1>404 Web Site not found.</h1>", "Content-Type: text/html\r\n")
        self.assert_last_known(self.poll("a"), "Pending")
        self.assertEqual(self.kind(self.ask("POST", "/instances/a/terminate")), (503, "away"))
        self.assertNotIn("POST /instances/a/terminate", self.east.seen())


class Entities(RegionTest):
    def test_an_entity_is_one_whatever_the_case_of_its_name_and_two_with_another_key(self):
        self.begin()
        self.assertEqual(self.ask("POST", "/entities/Counter/Total?op=add", body=b"1").get("X-Served-By"), "west")
        before = self.look_ups()
        for path in ("/entities/counter/Total", "/Entities/COUNTER/Total", "/entities/Counter/%54otal"):
            self.assertEqual(self.ask("GET", path).get("X-Served-By"), "west", path)
        self.assertEqual(self.look_ups(), before)
        self.assertEqual(self.ask("GET", "/entities/Counter/total").status, 404)

    def test_a_signal_follows_the_entity_and_a_new_one_is_made_once(self):
        self.begin(stickiness={"ttl": "60s", "client": "header", "header": "X-Client"})
        self.assertEqual(self.client(self.proxy_).ask("GET", "/api/f", "X-Client: a\r\n").text, "west")
        self.east.entities[("counter", "theirs")] = 1
        self.assertEqual(self.ask("POST", "/entities/Counter/theirs?op=add", body=b"1").get("X-Served-By"), "east")
        # Two clients with different answers: one of them is still stuck to the second region.
        understudy("drain", "west", "--admin", self.proxy_.admin)
        wait_until(lambda: self.client(self.proxy_).ask("GET", "/api/f", "X-Client: b\r\n").text == "east", what="b at east")
        understudy("drain", "west", "--undo", "--admin", self.proxy_.admin)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            said = list(pool.map(lambda n: self.ask("POST", "/entities/Counter/new?op=add", f"X-Client: {'ab'[n % 2]}\r\n", b"1"),
                                 range(32)))
        self.assertEqual({message.status for message in said}, {202})
        self.assertEqual(len({message.get("X-Served-By") for message in said}), 1)

    def test_an_entity_is_not_created_while_the_region_that_may_have_it_is_away(self):
        self.begin()
        self.down(self.west)
        self.assertEqual(self.kind(self.ask("POST", "/entities/Counter/a?op=add", body=b"1")), (503, "away"))
        self.assertNotIn("POST /entities/Counter/a", self.east.seen())
        self.up(self.west)
        self.assertEqual(self.ask("DELETE", "/entities/Counter/none").status, 202, "as the app says")


class Away(RegionTest):
    def test_polls_tell_the_last_known_status_and_nothing_else_leaves_the_region(self):
        self.begin()
        for name in ("new", "seen", "done"):
            self.ask("POST", f"/orchestrators/F/{name}")
        self.poll("seen")
        self.west.instances["done"] = "Completed"
        final = self.poll("done")
        self.assertEqual(final.status, 200)
        self.down(self.west)
        self.assert_last_known(self.poll("new"), "Pending")
        said = self.poll("seen?code=x&showInput=false")
        self.assert_last_known(said, "Running")
        self.assertEqual(said.get("Location"), f"http://client.example{BASE}/instances/seen?code=x&showInput=false")
        status = json.loads(said.body)
        self.assertEqual((status["instanceId"], status["name"], status["createdTime"]), ("seen", "Order", CREATED))
        said = self.poll("done")
        self.assert_last_known(said, "Completed", 200)
        self.assertEqual(said.body, final.body)
        self.assertIsNone(said.get("Location"))
        for method, path in (("POST", "/instances/seen/raiseEvent/Go"), ("POST", "/instances/seen/terminate"),
                             ("DELETE", "/instances/done"), ("POST", "/instances/seen/restart"), ("PUT", "/instances/seen")):
            said = self.ask(method, path)
            self.assertEqual(self.kind(said), (503, "away"), path)
            self.assertEqual((said.get("Retry-After"), said.get("X-Understudy-Outcome")), ("5", "not_run"))
            self.assertIn("west-region", said.text)
        self.assertEqual(self.east.seen(), [])
        self.up(self.west)
        self.assertEqual(self.poll("seen").get("X-Served-By"), "west")

    def test_unavailable_says_where_the_state_is(self):
        self.begin({"away_polls": "unavailable"})
        self.ask("POST", "/orchestrators/F/a")
        self.down(self.west)
        said = self.poll("a")
        self.assertEqual(self.kind(said), (503, "away"))
        self.assertIn("west-region", said.text)

    def test_a_killed_owner_is_away_from_the_first_refused_connection_on(self):
        self.begin(probe={**wire.PROBE_BY_TCP, "interval": "30s", "timeout": "5s", "tolerated_failures": 9, "doubt_interval": "5s"},
                   evidence={"connect_failures": 1000})
        self.ask("POST", "/orchestrators/F/a")
        self.west.upstream.close()
        self.assert_last_known(self.poll("a"), "Pending")
        self.assertEqual(self.kind(self.ask("POST", "/instances/a/terminate")), (503, "away"))
        self.assertEqual(self.kind(self.ask("GET", "/instances/a/x")), (503, "away"))
        self.assertEqual(self.east.seen(), [])

    def test_answers_that_speak_of_a_dead_app_are_no_answers_of_the_owner(self):
        self.begin(probe={**wire.PROBE_BY_TCP, "interval": "30s", "timeout": "5s"}, evidence={"http_min": 1000})
        self.ask("POST", "/orchestrators/F/a")
        offline = answer(503, "Function host is not running.")
        for fault in (STOPPED, offline, answer(503), answer(502, "bad gateway"), answer(504), "drop"):
            self.west.fault = lambda request: fault
            self.assert_last_known(self.poll("a"), "Pending")
        for fault, code, outcome in ((STOPPED, 503, "not_run"), (offline, 503, "not_run"), (answer(502), 502, "unknown"),
                                     (answer(503), 503, "unknown"), ("drop", 504, "unknown")):
            self.west.fault = lambda request: fault
            said = self.ask("POST", "/instances/a/raiseEvent/Go", "Content-Type: application/json\r\n", b"1")
            self.assertEqual((said.status, said.get("X-Understudy-Outcome")), (code, outcome), fault)
        self.assertEqual(self.east.seen(), [])

    def test_who_waits_at_a_frozen_owner_is_told_when_it_is_known_to_be(self):
        self.begin(probe=PROBE_BY_HTTP)
        self.ask("POST", "/orchestrators/F/a")
        self.ask("POST", "/entities/Counter/a?op=add", body=b"1")
        self.west.fault = lambda request: "hang"
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            poll = pool.submit(self.poll, "a")
            entity = pool.submit(self.ask, "GET", "/entities/Counter/a")
            self.assert_last_known(poll.result(9), "Pending")
            self.assertEqual(self.kind(entity.result(9)), (503, "away"))
        self.assertNotIn("GET /instances/a", self.east.seen())
        self.assert_idle(self.proxy_)

    def test_a_last_known_status_is_for_those_whom_the_app_let_in(self):
        self.west.key = artefacts.new_key()
        key = f"x-functions-key: {self.west.key}\r\n"
        ours = artefacts.new_key()
        keyed = {"auth": "keys", "keys": {"durable": self.west.key}}
        self.proxy_ = self.regions(self.endpoint(self.west, **keyed), self.endpoint(self.east, **keyed), clients={"keys": [ours]})
        self.ask("POST", "/orchestrators/F/a", key)
        self.assertEqual(self.poll("a", key).status, 202)
        self.assertEqual(self.poll("a").status, 401)
        self.down(self.west)
        self.assert_last_known(self.poll("a", key), "Running")
        self.assert_last_known(self.poll("a", f"x-functions-key: {ours}\r\n"), "Running")
        for fields in ("", "x-functions-key: another\r\n", f"x-functions-key: {self.west.key[:-1]}\r\n"):
            said = self.poll("a", fields)
            self.assertEqual(self.kind(said), (503, "away"))
            self.assertNotIn("Running", said.text)

    def test_a_drained_endpoint_keeps_its_instances_and_a_disabled_one_is_away(self):
        self.begin()
        self.ask("POST", "/orchestrators/F/a")
        self.assertEqual(understudy("drain", "west", "--admin", self.proxy_.admin).code, 0)
        self.proxy_.wait_for_active("east")
        self.assertEqual(self.poll("a").get("X-Served-By"), "west")
        self.assertEqual(self.ask("POST", "/instances/a/suspend").get("X-Served-By"), "west")
        self.west.instances["unknown"] = "Running"
        self.assertEqual(self.poll("unknown").get("X-Served-By"), "west")
        understudy("drain", "west", "--undo", "--admin", self.proxy_.admin)
        self.assertEqual(understudy("disable", "west", "--admin", self.proxy_.admin).code, 0)
        self.proxy_.wait_for_active("east")
        asked = len(self.west.upstream.requests)
        self.assert_last_known(self.poll("a"), "Running")
        self.assertEqual(self.kind(self.poll("none")), (503, "away"))
        self.assertEqual(len(self.west.upstream.requests), asked)


class Remembering(RegionTest):
    def durable(self) -> dict:
        return {"ledger": {"mode": "durable", "path": str(self.folder / "ledger.db")}}

    def test_the_directory_outlives_a_crash_and_a_restart_of_the_proxy(self):
        self.begin(self.durable())
        self.ask("POST", "/orchestrators/F/a%20b")
        self.poll("a%20b")
        self.west.instances["done"] = "Completed"
        self.poll("done")
        self.assert_on_disk(2)
        self.proxy_.kill()
        for end in (lambda: self.proxy_.kill(), lambda: self.proxy_.close()):
            self.begin(self.durable())
            before = self.look_ups()
            self.assertEqual(self.poll("a%20b").get("X-Served-By"), "west")
            self.assertEqual(self.look_ups(), before)
            self.down(self.west)
            self.assert_last_known(self.poll("%61%20b"), "Running")
            self.assertEqual(self.kind(self.poll("done")), (503, "away"), "its body was in memory only")
            self.west.upstream.start()
            end()

    def assert_on_disk(self, rows: int):
        """Instances are there, and no start is open any more: a kill finds nothing under way."""
        def count(table: str, where: str = "1") -> int:
            with sqlite3.connect(f"file:{self.folder / 'ledger.db'}?mode=ro", uri=True) as db:
                return db.execute(f"select count(*) from {table} where {where}").fetchone()[0]
        wait_until(lambda: count("instance") >= rows, what=f"{rows} instances on disk")
        wait_until(lambda: count("start", "settlement = 0") == 0, what="settled starts on disk")

    def test_a_reload_that_removes_an_endpoint_sends_nobody_there(self):
        self.begin()
        self.ask("POST", "/orchestrators/F/a")
        self.west.instances["b"] = "Running"
        config = json.loads((self.folder / "understudy.json").read_text())
        config["endpoints"] = config["endpoints"][1:]
        self.write_config(config)
        asked = len(self.west.upstream.requests)
        self.proxy_.signal(signal.SIGHUP)
        wait_until(lambda: len(self.proxy_.status()["endpoints"]) == 1, what="the reload")
        self.assertEqual(self.poll("a").status, 503)  # it is known to have been there
        self.assertEqual(self.poll("b").status, 404)
        self.east.instances["a"] = "Running"
        self.assertEqual(self.poll("a").get("X-Served-By"), "east")
        self.assertEqual(len(self.west.upstream.requests), asked)


class Lists(RegionTest):
    def list(self, query: str = "", fields: str = "") -> wire.Message:
        return self.ask("GET", f"/instances{query}", fields)

    def test_a_list_is_that_of_all_regions_page_by_page(self):
        self.begin()
        self.west.instances.update({f"w{i}": "Running" for i in range(5)})
        self.east.instances.update({f"e{i}": "Running" for i in range(4)})
        everything = {f"w{i}" for i in range(5)} | {f"e{i}" for i in range(4)}
        self.assertEqual({item["instanceId"] for item in json.loads(self.list().body)}, everything)
        seen, token, pages = [], "", 0
        while True:
            said = self.list("?top=2", f"x-ms-continuation-token: {token}\r\n" if token else "")
            self.assertEqual(said.status, 200, said.text)
            seen += [item["instanceId"] for item in json.loads(said.body)]
            pages += 1
            token = said.get("x-ms-continuation-token")
            if not token or pages > 9:
                break
        self.assertEqual((len(seen), set(seen)), (9, everything))
        self.assertEqual(self.list("", "x-ms-continuation-token: theirs\r\n").status, 400)

    def test_a_region_that_is_away_is_not_left_out_silently(self):
        self.begin()
        self.east.instances["e"] = "Running"
        self.down(self.west)
        self.assertEqual(self.kind(self.list()), (503, "region_missing"))
        said = self.list("?partial=allow&top=10")
        self.assertEqual((said.status, said.get("X-Understudy-Partial")), (200, "west"))
        self.assertEqual([item["instanceId"] for item in json.loads(said.body)], ["e"])
        self.assertFalse([r.target for r in self.east.upstream.requests if "partial" in r.target])

    def test_a_purge_over_all_regions_must_be_allowed(self):
        self.begin()
        self.west.instances["w"] = self.east.instances["e"] = "Completed"
        for path in ("/instances?createdTimeFrom=2020-01-01T00:00:00Z", "/instances/?createdTimeFrom=2020-01-01T00:00:00Z"):
            self.assertEqual(self.kind(self.ask("DELETE", path)), (403, "forbidden"))
        self.assertEqual(set(self.west.instances) | set(self.east.instances), {"w", "e"})
        self.proxy_.close()
        self.begin({"merged_purge": True})
        said = self.ask("DELETE", "/instances?createdTimeFrom=2020-01-01T00:00:00Z")
        self.assertEqual((said.status, json.loads(said.body)), (200, {"instancesDeleted": 2}))
        self.assertEqual(self.ask("DELETE", "/instances?createdTimeFrom=2020-01-01T00:00:00Z").status, 404)

    def test_clients_bring_their_own_key_or_ours_once(self):
        ours = artefacts.new_key()
        self.proxy_ = self.regions(self.west, self.east, clients={"keys": [ours]})
        self.list(f"?top=3&code={urllib.parse.quote(ours, safe='')}")
        self.list("?top=3&code=theirs%2B")
        self.list("?top=3", "x-functions-key: theirs\r\n")
        for hub in (self.west, self.east):
            asked = [r for r in hub.upstream.requests if "top=3" in r.target]
            self.assertEqual([(r.target.count("code="), r.get("x-functions-key")) for r in asked],
                             [(0, None), (1, None), (0, "theirs")])


class Waiting(RegionTest):
    def test_a_client_that_leaves_while_the_hubs_are_asked_leaves_nothing_behind(self):
        self.begin()
        self.west.fault = self.east.fault = lambda request: "hang"
        clients = [self.client(self.proxy_) for _ in range(30)]
        for number, client in enumerate(clients):
            client.send(f"GET {BASE}/instances/i{number} HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: self.proxy_.metric("understudy_client_requests_in_flight") == 30, what="30 open requests")
        for number, client in enumerate(clients):
            client.reset() if number % 2 else client.close()
        self.assert_idle(self.proxy_)
        self.west.fault = self.east.fault = lambda request: None
        self.west.let_go.set(), self.east.let_go.set()
        self.assertEqual(self.poll("none").status, 404)
        self.assert_alive(self.proxy_)

    def test_many_polls_of_one_unknown_id_are_one_question_and_a_hanging_region_is_waited_for_once(self):
        self.begin()
        self.west.instances["a"] = "Running"
        self.east.fault = lambda request: "hang"
        clients = [self.client(self.proxy_) for _ in range(300)]
        for client in clients:
            client.send(f"GET {BASE}/instances/a HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual({client.read_answer().status for client in clients}, {202})
        self.assertLess(self.east.asked().count("/instances/a"), 10)
        plain = self.client(self.proxy_).ask("GET", "/api/f")
        self.assertEqual(plain.text, "west")
        self.assert_idle(self.proxy_)

    def test_a_hanging_region_ends_in_503_and_holds_up_nobody_else(self):
        self.begin()
        self.east.fault = lambda request: "hang"
        clients = [self.client(self.proxy_) for _ in range(40)]
        for client in clients:
            client.sock.settimeout(15)
            client.send(f"GET {BASE}/instances/none HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(self.client(self.proxy_).ask("GET", "/api/f").status, 200)
        self.assertEqual({self.kind(client.read_answer()) for client in clients}, {(503, "away")})
        self.assert_idle(self.proxy_)

    def test_a_proxy_that_ends_answers_or_lets_go_of_whoever_asks(self):
        self.begin(timeouts={"drain": "1s"})
        self.west.fault = self.east.fault = lambda request: "hang"
        clients = [self.client(self.proxy_) for _ in range(10)]
        for number, client in enumerate(clients):
            client.send(f"GET {BASE}/instances/i{number} HTTP/1.1\r\nHost: a\r\n\r\n")
        clients[0].send(f"GET {BASE}/instances HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: self.proxy_.metric("understudy_client_requests_in_flight") == 10, what="10 open requests")
        self.proxy_.terminate()
        self.assertEqual(self.proxy_.wait(12), 0, self.proxy_.text)
        for client in clients:
            self.assertIn(client.read_to_end(gently=False)[:12], (b"", b"HTTP/1.1 503"))

    def test_bodies_arrive_whole_however_they_come_while_the_hubs_are_asked(self):
        self.begin()
        self.east.instances["a"] = "Running"
        gate = threading.Event()
        self.west.fault = lambda request: None if request.method != "GET" else (gate.wait(10), None)[1]
        target = f"POST {BASE}/instances/a/raiseEvent/Go HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        expecting, slow, chunked = self.client(self.proxy_), self.client(self.proxy_), self.client(self.proxy_)
        expecting.send(target, "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        slow.send(target, "Content-Length: 10\r\n\r\n12345")
        chunked.send(target, "Transfer-Encoding: chunked\r\n\r\n2\r\n12\r\n")
        wait_until(lambda: self.proxy_.metric("understudy_client_requests_in_flight") == 3, what="3 open requests")
        chunked.send("1\r\n3\r\n0\r\n\r\n", f"GET {BASE}/instances/a HTTP/1.1\r\nHost: a\r\n\r\n")
        gate.set()
        slow.send("67890")
        expecting.send("abcde")
        self.assertEqual({c.read_answer().status for c in (expecting, slow, chunked)}, {202})
        self.assertEqual(chunked.read_answer().get("X-Served-By"), "east", "the request sent ahead")
        self.assertEqual(sorted(r.body for r in self.east.upstream.requests if r.method == "POST"), [b"123", b"1234567890", b"abcde"])
        self.assertEqual([r for r in self.west.upstream.requests if r.method == "POST"], [])
        self.assert_idle(self.proxy_)

    def test_requests_sent_ahead_of_a_look_up_are_served_in_order(self):
        self.begin()
        self.east.instances.update({f"i{n}": "Running" for n in range(12)})
        client = self.client(self.proxy_)
        client.send(*[f"GET {BASE}/instances/i{n} HTTP/1.1\r\nHost: a\r\n\r\nGET /api/{n} HTTP/1.1\r\nHost: a\r\n\r\n" for n in range(12)])
        for number in range(12):
            self.assertEqual(json.loads(client.read_answer().body)["instanceId"], f"i{number}")
            self.assertEqual(client.read_answer().text, "west")


class UnknownLayout(RegionTest):
    def begin(self, **changes):
        self.proxy_ = self.front(self.endpoint(self.west), self.endpoint(self.east), durable={"ledger": {"mode": "off"}}, **changes)

    def test_what_the_active_endpoint_does_not_know_is_looked_for_at_the_other(self):
        self.begin()
        self.east.instances["a"] = "Running"
        said = self.ask("POST", "/instances/a/raiseEvent/Go", "Content-Type: application/json\r\n", b'{"n": 1}')
        self.assertEqual((said.status, said.get("X-Served-By")), (202, "east"))
        self.assertEqual([r.body for r in self.east.upstream.requests if r.method == "POST"], [b'{"n": 1}'])
        self.assertEqual(self.poll("a").get("X-Served-By"), "east")
        self.assertEqual(self.poll("none").status, 404)

    def test_a_body_that_is_not_kept_is_not_sent_twice(self):
        self.begin(retry={"kept_body": "1KiB"})
        self.east.instances["a"] = "Running"
        said = self.ask("POST", "/instances/a/raiseEvent/Go", "Content-Type: application/json\r\n", b'"' + b"x" * 600_000 + b'"')
        self.assertEqual(said.status, 404)
        self.assertNotIn("POST /instances/a/raiseEvent/Go", self.east.seen())


class LeaseControl(HubTest):
    def test_makeprimary_waits_until_both_apps_were_found_alive(self):
        west, east = self.hub("west"), self.hub("east")
        west.fault = east.fault = lambda request: answer(200)
        proxy = self.front(self.endpoint(west), self.endpoint(east))
        self.assertEqual(self.client(proxy).ask("POST", f"{BASE}/makeprimary").status, 200)
        self.assertEqual(west.seen(), ["POST /makeprimary"])
        east.upstream.close()
        proxy.wait_for_status("east", "Degraded")
        for method in ("POST", "GET"):
            said = self.client(proxy).ask(method, f"{BASE}/MakePrimary")
            self.assertEqual((said.status, json.loads(said.body)["kind"]), (409, "lease_unsafe"))
        self.assertEqual(west.seen(), ["POST /makeprimary"])


if __name__ == "__main__":
    unittest.main()
