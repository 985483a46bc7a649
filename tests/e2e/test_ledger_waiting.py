"""Starts that wait: accepted by the proxy and not known to run. What their clients see, what they may do, what becomes of them
when a host thaws, an endpoint is back, the disk is full, the proxy is killed."""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artefacts
import support
import wire
from durable_hub import BASE, answer
from protected import NOT_RUNNING, ORIGIN, StartTest, kind
from support import wait_until

PROBE_BY_HTTP = {"path": "/health", "interval": "500ms", "timeout": "300ms", "doubt_interval": "50ms",
                 "tolerated_failures": 1, "required_passes": 1}


class WaitTest(StartTest):
    def frozen(self, path: str = "/orchestrators/Order/mine", fields: str = "", **options):
        """A start that west has and does not answer; its gate, and what its client was told."""
        gate = self.gate()
        self.west.on_start = gate.hold(**options)
        said = self.start(path, fields)
        return gate, said


class Unconfirmed(WaitTest):
    def test_a_start_that_hangs_is_accepted_shown_as_pending_and_settled_by_its_late_answer(self):
        self.begin(answer_after="300ms", settle_after="100ms")
        for path in ("/orchestrators/Order", "/orchestrators/Order/mine"):
            with self.subTest(path):
                gate, said = self.frozen(path)
                self.assert_unconfirmed(said)
                instance = self.west.ids()[-1]
                self.assertEqual(json.loads(said.body)["id"], instance)
                for _ in range(3):
                    shown = self.follow(said)
                    self.assert_shown_as(shown, "Pending")
                    status = json.loads(shown.body)
                    self.assertEqual((status["instanceId"], status["name"]), (instance, "Order"))
                    self.assertRegex(status["createdTime"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
                    self.assertTrue(shown.get("Location").startswith(f"{ORIGIN}{BASE}/instances/{instance}"))
                    self.assertEqual(shown.get("Retry-After"), "5")
                self.assertGreaterEqual(self.west.asked().count(f"/instances/{instance}"), 3, "the hub is asked first")
                gate.open()
                wait_until(lambda: self.follow(said).get("X-Served-By") == "west", what="the app's own status")
                self.wait_settled()
        self.assertEqual(self.east.starts(), [])
        self.assert_ran(*self.west.ids())

    def test_the_late_answer_itself_settles_it(self):
        """No look-up does: the hub's list of instances is out of order."""
        self.begin(answer_after="300ms")
        gate = self.gate()
        self.west.on_start = gate.hold()
        self.west.fault = self.east.fault = lambda r: self.west.fault_of_starts(r) if self.west.is_start(r) else answer(500)
        said = self.start("/orchestrators/Order/mine")
        self.assert_unconfirmed(said)
        wait_until(lambda: self.book()["keptConnections"] == 1, what="its connection kept")
        gate.open()
        self.wait_settled()
        wait_until(lambda: self.book()["keptConnections"] == 0, what="no connection kept")
        self.assert_once_at(self.west, self.east, said)

    def test_a_look_up_that_finds_it_settles_it_while_its_answer_is_still_missing(self):
        self.begin(answer_after="300ms")
        self.west.on_start = self.west.ran_then("hang")
        said = self.start("/orchestrators/Order/mine")
        self.assertEqual(said.status, 202)
        self.assertEqual(self.follow(said).get("X-Served-By"), "west")
        self.wait_settled()
        self.assert_once_at(self.west, self.east, said)

    def test_a_client_need_not_wait_for_a_start_whose_endpoint_turned_degraded(self):
        self.begin(changes={"probe": PROBE_BY_HTTP})
        gate = self.gate()
        self.west.fault = gate.hold()
        begun = time.monotonic()
        said = self.start("/orchestrators/Order/mine")
        self.assert_unconfirmed(said)
        self.assertLess(time.monotonic() - begun, 6, "answer_after is 8 s")
        self.assertEqual(self.start("/orchestrators/Order/next").get("X-Served-By"), "east")
        self.assertEqual(self.east.ids(), ["next"], "never the one that is in doubt")
        gate.open()
        self.wait_settled()
        self.assert_ran("mine", "next")

    def test_a_start_that_asks_for_a_timeout_is_waited_for_as_long(self):
        self.begin(answer_after="300ms")
        gate = self.gate()
        self.west.on_start = gate.hold(lambda request: (self.west.serve(request), answer(200, '"done"', "Content-Type: application/json\r\n"))[1])
        client = self.send_start("/orchestrators/Order/mine?timeout=9&pollingInterval=1")
        gate.reached()
        self.assertTrue(client.quiet(1.0))
        gate.open()
        said = client.read_answer()
        self.assertEqual((said.status, said.text), (200, '"done"'))
        self.assertEqual(self.west.starts()[0].target.partition("?")[2], "timeout=9&pollingInterval=1")

    def test_a_late_refusal_is_shown_as_failed_with_the_backends_words(self):
        self.begin(answer_after="300ms")
        gate, said = self.frozen(then=answer(400, {"Message": "the function 'Order' does not exist"}))
        self.assert_unconfirmed(said)
        gate.open()
        wait_until(lambda: self.follow(said).status == 200, what="the refusal known")
        shown = self.follow(said)
        self.assert_shown_as(shown, "Failed", 200, "not_run")
        self.assertIn("the function 'Order' does not exist", json.loads(shown.body)["output"])
        self.assertIn("400", json.loads(shown.body)["output"])
        self.assertEqual(self.east.starts(), [])
        self.proxy_.kill()
        self.begin()
        self.assert_shown_as(self.follow(said), "Failed", 200, "not_run")

    def test_a_late_proof_that_it_never_ran_sends_it_to_the_next_endpoint(self):
        self.begin(answer_after="300ms")
        gate, said = self.frozen(then=NOT_RUNNING)
        self.assert_unconfirmed(said)
        gate.open()
        wait_until(lambda: "mine" in self.east.ids(), what="the start at the next endpoint")
        self.wait_settled()
        self.assertEqual(self.east.starts()[0].body, b'{"n": 1}')
        self.assertEqual(self.east.starts()[0].get("Content-Type"), "application/json")
        self.assertEqual(self.follow(said).status, 202)
        self.assert_ran("mine")

    def test_a_peer_that_ends_the_connection_and_a_hub_that_denies_it_twice_send_it_to_the_next_endpoint(self):
        for end in ("drop", "reset", answer(500), answer(503, "busy")):
            with self.subTest(end[:20]):
                self.begin(answer_after="300ms")
                gate, said = self.frozen(then=end)
                self.assert_unconfirmed(said)
                gate.open()
                wait_until(lambda: "mine" in self.east.ids(), what="the start at the next endpoint")
                self.wait_settled()
                self.assertEqual((self.west.ids(), self.east.ids()), (["mine"], ["mine"]))
                self.assertEqual(self.follow(said).status, 202)
                self.proxy_.close()
                for hub in (self.west, self.east):
                    hub.upstream.requests.clear()
                    hub.instances.clear()
                for path in self.ledger_path.parent.iterdir():
                    path.unlink()

    def test_a_start_whose_connection_is_still_open_is_never_sent_anywhere_else(self):
        self.begin(answer_after="200ms", settle_after="100ms")
        gate, said = self.frozen()
        self.assert_unconfirmed(said)
        asked = self.west.asked().count("/instances/mine")
        wait_until(lambda: self.west.asked().count("/instances/mine") >= asked + 8, what="eight more look-ups")
        self.assertEqual((self.west.ids(), self.east.ids()), (["mine"], []))
        gate.open()
        self.wait_settled()
        self.assert_ran("mine")

    def test_a_region_that_is_away_keeps_its_start_and_its_client_sees_pending(self):
        """The process is gone with the start: the other endpoint shares the hub, and that one does not know it."""
        self.begin(answer_after="300ms")
        gate, said = self.frozen(then="reset")
        self.assert_unconfirmed(said)
        self.west.upstream.stop()
        gate.open()
        self.proxy_.wait_for_status("west", "Degraded")
        wait_until(lambda: "mine" in self.east.ids(), what="the start at the other endpoint")
        self.wait_settled()
        self.assertEqual(self.follow(said).get("X-Served-By"), "east")
        self.assert_ran("mine")


class Leaving(WaitTest):
    def test_a_client_that_leaves_takes_nothing_with_it(self):
        self.begin()
        for path in ("/orchestrators/Order", "/orchestrators/Order/mine"):
            with self.subTest(path):
                gate = self.gate()
                self.west.on_start = gate.hold()
                client = self.send_start(path)
                gate.reached()
                client.reset()
                self.assert_idle(self.proxy_)
                gate.open()
                self.wait_settled()
                self.assertEqual(self.poll(self.west.ids()[-1]).get("X-Served-By"), "west")
        self.assertEqual(self.east.starts(), [])
        self.assert_ran(*self.west.ids())

    def test_what_nobody_waits_for_is_started_again_only_under_an_id_that_its_client_knows(self):
        self.begin()
        for path, again in (("/orchestrators/Order", False), ("/orchestrators/Order/mine", True)):
            with self.subTest(path):
                gate = self.gate()
                self.west.on_start = gate.hold("drop")
                client = self.send_start(path)
                gate.reached()
                client.close()
                self.assert_idle(self.proxy_)
                gate.open()
                self.wait_settled()
                self.assertEqual(self.east.ids(), ["mine"] if again else [])
        self.assert_ran("mine")

    def test_clients_that_joined_get_the_answer_when_the_first_has_left(self):
        self.begin()
        gate = self.gate()
        self.west.on_start = gate.hold()
        first = self.send_start("/orchestrators/Order/mine")
        gate.reached()
        second, third = self.send_start("/orchestrators/Order/mine"), self.send_start("/orchestrators/Order/mine")
        wait_until(lambda: self.book()["joined"] == 2, what="two joined")
        first.reset()
        second.close()
        wait_until(lambda: self.proxy_.metric("understudy_client_requests_in_flight") == 1, what="one left")
        gate.open()
        said = third.read_answer()
        self.assertEqual((said.status, json.loads(said.body)["id"]), (202, "mine"))
        self.assert_once_at(self.west, self.east, said)

    def test_two_hundred_that_leave_at_once_leave_no_connection_behind(self):
        self.begin()
        gate = self.gate()
        self.west.on_start = gate.hold()
        clients = [self.send_start(f"/orchestrators/Order/i{number}") for number in range(200)]
        gate.reached(200)
        for number, client in enumerate(clients):
            client.reset() if number % 2 else client.close()
        self.assert_idle(self.proxy_)
        gate.open()
        self.wait_settled()
        self.assertEqual(self.book()["keptConnections"], 0)
        self.assert_ran(*(f"i{number}" for number in range(200)))


class Acting(WaitTest):
    def test_a_terminate_of_an_unknown_start_is_remembered_and_sent_when_the_instance_is_there(self):
        self.begin(answer_after="300ms")
        gate, said = self.frozen()
        url = json.loads(said.body)["terminatePostUri"].removeprefix(ORIGIN).replace("{text}", "because")
        ended = self.client(self.proxy_).ask("POST", url)
        self.assertEqual(ended.status, 202, ended.text)
        self.assertNotIn("/instances/mine/terminate", self.west.asked())
        self.assertEqual(self.west.seen().count("POST /instances/mine/terminate"), 0)
        gate.open()
        wait_until(lambda: self.west.instances.get("mine") == "Terminated", what="the terminate at the hub")
        self.wait_settled()
        self.assertEqual(self.east.starts(), [])

    def test_a_terminated_start_that_turns_out_not_to_have_run_is_never_started(self):
        self.begin(answer_after="300ms")
        gate, said = self.frozen(then="drop")
        self.assertEqual(self.ask("POST", "/instances/mine/terminate?reason=x").status, 202)
        gate.open()
        self.wait_settled()
        self.assert_shown_as(self.follow(said), "Terminated", 200, "not_run")
        self.assertEqual((self.east.starts(), self.west.runs), ([], []))

    def test_events_and_the_rest_are_refused_until_it_is_known_to_run(self):
        self.begin(answer_after="300ms")
        gate, said = self.frozen()
        for method, path in (("POST", "/raiseEvent/Go"), ("POST", "/suspend"), ("POST", "/resume"), ("POST", "/rewind"),
                             ("POST", "/restart"), ("DELETE", "")):
            with self.subTest(path, method=method):
                told = self.ask(method, f"/instances/mine{path}", "Content-Type: application/json\r\n", b"1" if method == "POST" else b"")
                self.assertEqual(kind(told), (409, "not_known_to_run"))
        self.assertEqual([r for r in self.west.seen() if "instances/mine" in r], [])
        gate.open()
        self.wait_settled()
        self.assertEqual(self.ask("POST", "/instances/mine/raiseEvent/Go", "Content-Type: application/json\r\n", b"1").status, 202)

    def test_a_list_shows_it_as_pending_among_the_others(self):
        for hub in ("shared", "per_region"):
            with self.subTest(hub):
                self.begin(durable={"task_hub": hub}, answer_after="300ms")
                self.west.instances["there"] = "Running"
                gate, _ = self.frozen("/orchestrators/Order/mine")
                said = self.ask("GET", "/instances?top=50")
                self.assertEqual(said.status, 200, said.text)
                listed = {item["instanceId"]: item for item in json.loads(said.body)}
                self.assertEqual((listed["mine"]["runtimeStatus"], listed["there"]["runtimeStatus"]), ("Pending", "Running"))
                self.assertEqual(listed["mine"]["customStatus"], {"understudy": {"outcome": "unconfirmed"}})
                gate.open()
                self.wait_settled()
                listed = [item["instanceId"] for item in json.loads(self.ask("GET", "/instances?top=50").body)]
                self.assertEqual(listed.count("mine"), 1)
                self.proxy_.close()
                self.west.instances.clear()
                for path in self.ledger_path.parent.iterdir():
                    path.unlink()

    def test_an_instance_beside_it_is_not_touched(self):
        self.begin(answer_after="300ms")
        self.west.instances["there"] = "Running"
        self.frozen()
        self.assertEqual(self.poll("there").get("X-Served-By"), "west")
        self.assertEqual(self.poll("none").status, 404)
        self.assertEqual(self.ask("POST", "/instances/there/terminate").get("X-Served-By"), "west")


class Queued(WaitTest):
    def begin_queue(self, **ledger):
        self.begin(*self.keyed(), changes={"clients": {"keys": [self.client_key]}},
                   **{"queue_starts": True, "settle_after": "100ms", **ledger})
        self.down(self.west, self.east)

    def queue(self, instance: str) -> wire.Message:
        said = self.start(f"/orchestrators/Order/{instance}", self.key_line(), b'{"who": "%s"}' % instance.encode())
        self.assert_unconfirmed(said, "queued")
        return said

    def test_starts_wait_for_an_endpoint_and_are_delivered_in_order(self):
        self.begin_queue()
        names = [f"i{number}" for number in range(12)]
        answers = [self.queue(name) for name in names]
        self.assert_shown_as(self.follow(answers[0]), "Pending", outcome="queued")
        stranger = self.start("/orchestrators/Order/stranger", "x-functions-key: theirs\r\n")
        self.assertEqual((stranger.status, stranger.get("X-Understudy-Outcome")), (503, "not_run"))
        self.up(self.east)
        self.wait_settled()
        self.assertEqual(self.east.ids(), names)
        self.assertEqual([r.body for r in self.east.starts()], [b'{"who": "%s"}' % name.encode() for name in names])
        self.assertEqual({r.get("x-functions-key") for r in self.east.starts()}, {self.east.key})
        self.assertEqual(self.west.starts(), [])
        for said in answers:
            self.assertEqual(self.follow(said).get("X-Served-By"), "east")
        self.assert_ran(*names)

    def test_the_order_is_kept_while_no_probe_says_that_an_endpoint_is_back(self):
        """The proxy finds out by trying; an old start that tries less often than young ones would come last."""
        self.begin(*self.keyed(), queue_starts=True, settle_after="100ms", changes={"clients": {"keys": [self.client_key]}, "probe": PROBE_BY_HTTP})
        for hub in (self.west, self.east):
            hub.fault = lambda request: NOT_RUNNING if request.target == "/health" else None
        self.down(self.west, self.east)
        self.queue("i0")
        wait_until(lambda: (self.book()["oldestOpenSeconds"] or 0) > 3, what="an old start")
        names = [f"i{number}" for number in range(6)]
        for name in names[1:]:
            self.queue(name)
        self.east.upstream.start()
        self.wait_settled()
        self.assertEqual(self.east.ids(), names)
        self.assert_ran(*names)

    def test_what_waits_outlives_the_proxy(self):
        self.begin_queue()
        said = self.queue("mine")
        self.proxy_.kill()
        endpoints = [self.endpoint(hub, auth="keys", keys={"durable": hub.key}) for hub in (self.west, self.east)]
        config = self.config(*endpoints, probe=wire.PROBE_BY_TCP, clients={"keys": [self.client_key]},
                             durable={"task_hub": "shared", "ledger": {"path": str(self.ledger_path), "queue_starts": True,
                                                                       "settle_after": "100ms"}})
        self.proxy_ = self.proxy(config)
        self.assert_shown_as(self.follow(said), "Pending", outcome="queued")
        self.up(self.west)
        self.wait_settled()
        self.assert_once_at(self.west, self.east, said)

    def test_a_queued_start_can_be_terminated_and_is_never_sent(self):
        self.begin_queue()
        said, other = self.queue("mine"), self.queue("other")
        self.assertEqual(kind(self.ask("POST", "/instances/mine/raiseEvent/Go", self.key_line() + "Content-Type: application/json\r\n", b"1")),
                         (409, "not_known_to_run"))
        self.assertEqual(self.ask("POST", "/instances/mine/terminate?reason=x", self.key_line()).status, 202)
        self.assert_shown_as(self.follow(said), "Terminated", 200, "not_run")
        self.up(self.west)
        self.wait_settled()
        self.assertEqual(self.west.ids(), ["other"])
        self.assert_shown_as(self.follow(said), "Terminated", 200, "not_run")
        self.assertEqual(self.follow(other).get("X-Served-By"), "west")

    def test_what_nobody_took_in_time_is_shown_as_failed(self):
        self.begin_queue(max_wait="1s")
        said = self.queue("mine")
        wait_until(lambda: self.follow(said).status == 200, what="the end of the wait")
        self.assert_shown_as(self.follow(said), "Failed", 200, "not_run")
        self.up(self.west)
        self.assertEqual(self.start("/orchestrators/Order/next", self.key_line()).status, 202)
        self.assertEqual(self.west.ids(), ["next"])

    def test_without_queue_starts_nothing_waits(self):
        self.begin_queue(queue_starts=False)
        said = self.start("/orchestrators/Order/mine", self.key_line())
        self.assertEqual((said.status, said.get("X-Understudy-Outcome")), (503, "not_run"))
        self.assertEqual(self.poll("mine", self.key_line()).status in (502, 503), True)

    def test_a_repeat_of_a_queued_start_joins_it(self):
        self.begin_queue()
        first, second = self.queue("mine"), self.queue("mine")
        self.assertEqual(self.status_url(first), self.status_url(second))
        self.up(self.east)
        self.wait_settled()
        self.assert_ran("mine")


class Secrets(WaitTest):
    def assert_no_keys(self, said: wire.Message, *keys: str):
        for key in keys:
            for text in (key, urllib.parse.quote(key, safe=""), json.dumps(key)[1:-1]):
                self.assertNotIn(text.encode(), said.head + said.body)

    def test_an_answer_of_ours_carries_the_clients_own_key_and_no_other(self):
        self.begin(*self.keyed(), changes={"clients": {"keys": [self.client_key]}}, answer_after="300ms")
        gate, said = self.frozen(fields=self.key_line())
        self.assert_unconfirmed(said)
        self.assert_no_keys(said, self.west.key, self.east.key)
        self.assertIn(f"code={urllib.parse.quote(self.client_key, safe='')}", self.status_url(said))
        shown = self.follow(said)
        self.assert_shown_as(shown, "Pending")
        self.assert_no_keys(shown, self.west.key, self.east.key)
        gate.open()
        wait_until(lambda: self.follow(said).get("X-Served-By") == "west", what="the app's own status")
        self.assertNotIn(self.client_key.encode(), self.west.upstream.received())
        for path in self.ledger_path.parent.iterdir():
            for key in (self.client_key, self.west.key, self.east.key):
                self.assertNotIn(key.encode(), path.read_bytes(), path.name)

    def test_an_answer_of_ours_carries_a_token_when_urls_do(self):
        self.begin(*self.keyed(), durable={"status_tokens": True}, changes={"clients": {"keys": [self.client_key]}}, answer_after="300ms")
        gate, said = self.frozen(fields=self.key_line())
        self.assert_unconfirmed(said)
        self.assert_no_keys(said, self.west.key, self.east.key, self.client_key)
        token = re.search(r"code=(ust1\.[\w-]+)", self.status_url(said))
        self.assertTrue(token, "no token in the status URL")
        artefacts.register_key(token[1])
        shown = self.follow(said)
        self.assert_shown_as(shown, "Pending")
        self.assert_no_keys(shown, self.client_key)
        gate.open()
        wait_until(lambda: self.follow(said).get("X-Served-By") == "west", what="the app's own status")
        self.assertEqual(self.ask("GET", f"/instances?code={token[1]}").status, 401)

    def test_a_stranger_learns_nothing_of_a_start_that_waits_and_cannot_end_it(self):
        self.begin(*self.keyed(), changes={"clients": {"keys": [self.client_key]}}, answer_after="300ms")
        gate, said = self.frozen(fields=self.key_line())
        for fields in ("", "x-functions-key: another\r\n"):
            shown = self.poll("mine", fields)
            self.assertEqual((shown.status, shown.get("X-Understudy-Outcome")), (401, None))
            self.assertNotIn("Pending", shown.text)
            self.assertEqual(self.ask("POST", "/instances/mine/terminate", fields).status, 401)
            listed = self.ask("GET", "/instances", fields)
            self.assertNotIn("mine", listed.text)
        gate.open()
        self.wait_settled()
        self.assertEqual(self.west.instances["mine"], "Running")

    def test_who_brought_the_apps_own_key_may_see_what_became_of_it(self):
        endpoints = self.keyed(self.west)
        self.begin(*endpoints, changes={"clients": {"keys": [self.client_key]}, "timeouts": {"first_byte": "700ms"}},
                   answer_after="300ms", settle_after="30s")
        gate, said = self.frozen(fields=self.key_line(self.west.key), path="/orchestrators/Order/mine")
        self.assertEqual((*kind(said), said.get("X-Understudy-Outcome")), (504, "outcome_unknown", "unknown"),
                         "a client without a key of ours gets no promise: we could not keep it")
        self.assertEqual(self.poll("mine").status, 401)
        self.assert_shown_as(self.poll("mine", self.key_line(self.west.key)), "Pending")
        gate.open()
        self.wait_settled()


class Limits(WaitTest):
    def test_a_new_start_is_turned_away_before_its_first_byte_when_too_many_wait(self):
        for caps in ({"max_waiting": 1}, {"max_doubtful": 1}):
            with self.subTest(caps):
                self.begin(answer_after="300ms", **caps)
                gate, said = self.frozen()
                self.assert_unconfirmed(said)
                turned = self.start("/orchestrators/Order/other")
                self.assertEqual((*kind(turned), turned.get("X-Understudy-Outcome")), (503, "overloaded", "not_run"))
                self.assertEqual((self.west.ids(), self.east.ids()), (["mine"], []))
                self.assertEqual(self.client(self.proxy_).ask("GET", "/api/x").status, 200)
                gate.open()
                self.wait_settled()
                self.assertEqual(self.start("/orchestrators/Order/other").status, 202)
                self.proxy_.close()
                for hub in (self.west, self.east):
                    hub.upstream.requests.clear()
                    hub.instances.clear()
                for path in self.ledger_path.parent.iterdir():
                    path.unlink()


class FullDisk(WaitTest):
    """The proxy may not make any file larger: to it every disk is full, for root too."""

    def proxy(self, config, *args: str, env: dict | None = None):
        class Bounded(support.Proxy):
            def __init__(self, args, env=None):  # a limit that is met is an error, not a signal
                command = ["sh", "-c", 'trap "" XFSZ; exec "$0" "$@"', support.executable("understudy"), "run", *args]
                support.Process.__init__(self, "understudy", command, self.READY, env)
                self.urls = re.findall(r"https?://[^\s,]+", self.ready["urls"])
                self.url, self.admin = self.urls[0], self.ready["admin"]

        started = Bounded([str(self.write_config(config)), "--workers", "1"], env)
        self.addCleanup(started.close)
        return started

    def full(self, is_full: bool = True):
        self.limit_ = getattr(self, "limit_", resource.prlimit(self.proxy_.pid, resource.RLIMIT_FSIZE))
        hard = self.limit_[1]
        resource.prlimit(self.proxy_.pid, resource.RLIMIT_FSIZE, (0, hard) if is_full else self.limit_)

    def test_a_full_disk_stops_new_starts_and_nothing_else(self):
        self.begin()
        self.west.instances["there"] = "Running"
        self.assertEqual(self.start("/orchestrators/Order/before").status, 202)
        self.full()
        for path in ("/orchestrators/Order", "/orchestrators/Order/mine", "/orchestrators/Order"):
            said = self.start(path)
            self.assertEqual((*kind(said), said.get("X-Understudy-Outcome")), (503, "ledger_unavailable", "not_run"))
        self.assertEqual((self.west.ids(), self.east.ids()), (["before"], []))
        self.assertEqual(self.poll("there").get("X-Served-By"), "west")
        self.assertEqual(self.poll("before").get("X-Served-By"), "west")
        self.assertEqual(self.ask("POST", "/instances/there/terminate").status, 202)
        self.assertEqual(self.client(self.proxy_).ask("POST", "/api/x", body=b"1").status, 200)
        self.assertFalse(self.book()["diskOk"])
        self.full(False)
        wait_until(lambda: self.start("/orchestrators/Order/after").status == 202, what="starts again")
        wait_until(lambda: self.book()["diskOk"], what="a good disk")
        self.assertIn("after", self.west.ids())

    def test_an_answer_that_is_earned_already_is_relayed_though_it_cannot_be_written_down(self):
        self.begin()
        gate = self.gate()
        self.west.on_start = gate.hold()
        client = self.send_start("/orchestrators/Order/mine")
        gate.reached()
        self.full()
        gate.open()
        said = client.read_answer()
        self.assertEqual((said.status, json.loads(said.body)["id"]), (202, "mine"))
        self.wait_settled()
        self.full(False)
        self.assertEqual(self.follow(said).get("X-Served-By"), "west")
        self.assert_once_at(self.west, self.east, said)

    def test_what_cannot_be_promised_durably_is_not(self):
        self.begin(answer_after="700ms")
        gate = self.gate()
        self.west.on_start = gate.hold()
        client = self.send_start("/orchestrators/Order/mine")
        gate.reached()
        self.full()
        self.assertEqual(kind(client.read_answer()), (504, "outcome_unknown"))
        self.full(False)
        gate.open()
        self.wait_settled()
        self.assertEqual(self.poll("mine").get("X-Served-By"), "west")
        self.assert_ran("mine")


class Restarts(WaitTest):
    def begin(self, *endpoints, changes: dict | None = None, **more):
        """With probes that an app must answer: after an end of the proxy's own making only they show that a host lives."""
        return super().begin(*endpoints, changes={"probe": PROBE_BY_HTTP, **(changes or {})}, **more)

    def test_a_start_that_ran_is_found_after_a_crash_and_not_sent_again(self):
        for path in ("/orchestrators/Order", "/orchestrators/Order/mine"):
            with self.subTest(path):
                self.begin()
                gate = self.gate()
                self.west.on_start = lambda request: (self.west.serve(request), gate.hold("drop")(request))[1]
                client = self.send_start(path)
                gate.reached()
                self.proxy_.kill()
                self.assertTrue(client.ended())
                gate.open()
                self.begin()
                self.wait_settled()
                self.assertEqual(self.east.starts(), [])
                self.assertEqual(self.poll(self.west.ids()[-1]).get("X-Served-By"), "west")
                self.proxy_.close()
        self.assertEqual(len(self.west.starts()), 2)
        self.assert_ran(*self.west.ids())

    def test_a_promise_is_kept_after_a_crash_once(self):
        self.begin(answer_after="300ms")
        gate, said = self.frozen("/orchestrators/Order", then="drop")
        self.assert_unconfirmed(said)
        self.proxy_.kill()
        gate.open()
        self.west.on_start = lambda request: None
        self.begin()
        wait_until(lambda: self.follow(said).get("X-Served-By"), what="the promise kept")
        self.wait_settled()
        self.assert_ran(json.loads(said.body)["id"])
        self.assertEqual(self.follow(said).status, 202)

    def test_the_first_poll_after_a_crash_is_not_answered_404(self):
        self.begin(answer_after="300ms", settle_after="30s")
        gate, said = self.frozen()
        for _ in range(3):
            self.proxy_.kill()
            self.proxy_ = self.proxy(self.folder / "understudy.json")
            self.assert_shown_as(self.follow(said), "Pending")

    def test_no_poll_gets_a_false_404_while_the_file_of_before_cannot_be_read(self):
        self.begin(answer_after="300ms", settle_after="30s")
        gate, said = self.frozen()
        self.proxy_.kill()
        folder = self.ledger_path.parent
        folder.rename(folder.with_name("away"))
        folder.write_text("a file where the folder should be; as root no mode would do")
        self.begin(settle_after="30s")
        self.assertEqual(kind(self.follow(said)), (503, "ledger_unavailable"))
        self.assertEqual(kind(self.poll("never-heard-of")), (503, "ledger_unavailable"))
        folder.unlink()
        folder.with_name("away").rename(folder)
        wait_until(lambda: self.follow(said).status == 202, what="the start that the file knows")
        self.assert_shown_as(self.follow(said), "Pending")
        self.assertEqual(self.poll("never-heard-of").status, 404)
        gate.open()

    def test_what_is_still_frozen_after_a_crash_is_pending_for_its_client(self):
        self.begin(answer_after="300ms", settle_after="30s")
        gate, said = self.frozen()
        self.proxy_.kill()
        self.begin(settle_after="30s")
        self.assert_shown_as(self.follow(said), "Pending")
        self.assertEqual(self.start("/orchestrators/Order/other").status in (202,) if gate.open() is None else False, True)
        wait_until(lambda: self.follow(said).get("X-Served-By") == "west", what="the thawed host's instance")
        self.wait_settled()
        self.assert_ran("mine", "other")

    def test_who_was_never_answered_and_knows_no_id_comes_again_by_itself(self):
        self.begin()
        gate = self.gate()
        self.west.on_start = gate.hold("drop")
        client = self.send_start("/orchestrators/Order")
        gate.reached()
        self.proxy_.kill()
        self.assertTrue(client.ended())
        gate.open()
        self.begin()
        self.wait_settled()
        self.assertEqual((len(self.west.starts()), self.east.starts(), self.west.runs), (1, [], []))

    def test_a_proxy_that_is_told_to_end_answers_or_lets_go_and_the_next_one_resolves_it(self):
        self.begin(changes={"timeouts": {"drain": "500ms"}})
        gate = self.gate()
        self.west.on_start = lambda request: (self.west.serve(request), gate.hold("drop")(request))[1]
        clients = [self.send_start(f"/orchestrators/Order/i{number}") for number in range(5)]
        gate.reached(5)
        self.proxy_.terminate()
        self.assertEqual(self.proxy_.wait(12), 0, self.proxy_.text)
        for client in clients:
            text = client.read_to_end(gently=False)
            self.assertIn(text[:12], (b"", b"HTTP/1.1 202", b"HTTP/1.1 503", b"HTTP/1.1 504"))
            self.assertNotIn(b"not_run", text)
        gate.open()
        self.begin()
        self.wait_settled()
        self.assertEqual((len(self.west.starts()), self.east.starts()), (5, []))
        self.assert_ran(*(f"i{number}" for number in range(5)))

    def test_a_proxy_that_ends_waits_for_the_starts_that_are_under_way(self):
        self.begin(changes={"timeouts": {"drain": "8s"}})
        gate = self.gate()
        self.west.on_start = gate.hold()
        client = self.send_start("/orchestrators/Order/mine")
        gate.reached()
        self.proxy_.terminate()
        self.proxy_.wait_line("drain")
        gate.open()
        said = client.read_answer()
        self.assertEqual((said.status, json.loads(said.body)["id"]), (202, "mine"))
        self.assertEqual(self.proxy_.wait(12), 0, self.proxy_.text)

    def test_a_crash_with_a_hundred_under_way_repeats_and_loses_none(self):
        self.begin(answer_after="400ms")
        gate = self.gate()
        hold, turn = gate.hold("drop"), threading.Lock()
        count = iter(range(1000))

        def fault(request):
            with turn:
                number = next(count)
            if number % 2:
                self.west.serve(request)
            return hold(request)

        self.west.on_start = fault
        names = [f"i{number}" for number in range(100)]
        clients = [self.send_start(f"/orchestrators/Order/{name}") for name in names]
        gate.reached(100)
        answers = [client.read_answer() for client in clients]
        self.assertEqual({said.status for said in answers}, {202})
        self.proxy_.kill()
        gate.open()
        self.west.on_start = lambda request: None
        self.begin()
        self.wait_settled()
        self.assert_ran(*names)
        for said in answers[:10]:
            self.assertEqual(self.follow(said).status, 202)


class Crowds(WaitTest):
    def test_two_hundred_starts_with_an_endpoint_that_freezes_run_once_each(self):
        self.begin(answer_after="2s", changes={"probe": PROBE_BY_HTTP})
        gate = self.gate()
        hold, turn, served = gate.hold(), threading.Lock(), iter(range(100_000))

        def freezing(request):  # the first fifty are served; from then on everything hangs, probes too
            with turn:
                frozen = next(served) >= 50
            return hold(request) if frozen else None

        self.west.fault = freezing
        names = [f"i{number}" for number in range(200)]
        clients = [self.send_start(f"/orchestrators/Order/{name}", body=name.encode()) for name in names]
        answers = [client.read_answer() for client in clients]
        self.assertEqual({said.status for said in answers}, {202}, {said.text for said in answers if said.status != 202})
        doubtful = [said for said in answers if said.get("X-Understudy-Outcome") == "unconfirmed"]
        self.assertGreater(len(doubtful), 0)
        for said in doubtful[:20]:
            shown = self.follow(said)
            self.assertEqual((shown.status, json.loads(shown.body)["runtimeStatus"]), (202, "Pending"))
        self.assertEqual(self.start("/orchestrators/Order/late").get("X-Served-By"), "east")
        gate.open()
        self.wait_settled()
        self.assert_ran(*names, "late")
        self.assertEqual({run[0]: run[2] for run in self.west.runs if run[0] != "late"}, {name: name.encode() for name in names})
        for said in answers:
            self.assertEqual(self.follow(said).status, 202)
        self.assert_idle(self.proxy_)

    def test_a_thousand_on_few_connections_are_each_written_down_and_run_once(self):
        self.begin()
        clients = [self.client(self.proxy_) for _ in range(20)]
        start = f"POST {BASE}/orchestrators/Order HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}"
        for client in clients:
            client.send(start * 50)
        ids = [json.loads(client.read_answer().body)["id"] for client in clients for _ in range(50)]
        self.assertEqual(len(set(ids)), 1000)
        self.assert_ran(*ids)
        self.assertEqual(self.book()["arrived"], 1000)


if __name__ == "__main__":
    unittest.main()
