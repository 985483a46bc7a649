"""The outage harness finds what it is there to find: each defect is planted, first in records, then by a deliberately
bad proxy before real stand-in apps, and exactly that is reported (reconcile.py, starts.py)."""

import collections
import http.client
import http.server
import json
import os
import sys
import threading
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import reconcile
import starts
import support
from reconcile import ACCEPTED, FAILED, REFUSED, UNANSWERED, UNKNOWN, Execution, Start


def good(number: int, **changes) -> Start:
    return Start(number, **{"said": ACCEPTED, "id": f"id-{number}", "final": "Completed", "answer_ms": 5.0 + number,
                            "polls": collections.Counter({202: 2, 200: 1}), **changes})


def run(number: int, status: str = "Completed", **changes) -> Execution:
    return Execution(**{"number": number, "id": f"id-{number}", "hub": "shared", "status": status, **changes})


class PlantedInRecords(unittest.TestCase):
    """Number 7 is the odd one among good starts."""

    OTHERS = [1, 2, 3]

    def verdict(self, start: Start, *executions: Execution) -> reconcile.Verdict:
        starts_ = [good(n) for n in self.OTHERS] + [start]
        return reconcile.reconcile(starts_, [run(n) for n in self.OTHERS] + list(executions))

    def words(self, start: Start, *executions: Execution) -> set[str]:
        verdict = self.verdict(start, *executions)
        for number in self.OTHERS:
            self.assertEqual(verdict.of[number], {"once", "completed"}, "a good start got a bad name")
        return verdict.of[7]

    def test_each_defect_has_its_name(self):
        refused, failed, unknown = (Start(7, said) for said in (REFUSED, FAILED, UNKNOWN))
        cases = (
            ("accepted, ran, completed", good(7), [run(7)], {"once", "completed"}),
            ("refused and did not run", refused, [], {"refused"}),
            ("refused, but ran", refused, [run(7)], {"ghost"}),
            ("failed and did not run", failed, [], {"failed"}),
            ("failed, but ran", failed, [run(7)], {"failed", "ghost"}),
            ("failed, but ran twice", failed, [run(7), run(7)], {"failed", "ghost", "duplicate"}),
            ("nobody knows, and it ran", unknown, [run(7)], {"unknown"}),
            ("nobody knows, and it did not run", unknown, [], {"unknown"}),
            ("nobody knows, and it ran twice", unknown, [run(7), run(7)], {"unknown", "duplicate"}),
            ("ran twice in one hub", good(7), [run(7), run(7)], {"completed", "duplicate"}),
            ("ran once in each hub", good(7), [run(7, hub="a"), run(7, hub="b")], {"completed", "duplicate"}),
            ("accepted and never ran", good(7), [], {"lost"}),
            ("accepted, never ran, never final", good(7, final=""), [], {"lost", "stranded"}),
            ("accepted and not final", good(7, final=""), [run(7, "Running")], {"once", "stranded"}),
            ("shown as completed, but is not", good(7), [run(7, "Running")], {"once"}),
            ("accepted, then shown as failed", good(7, final="Failed"), [], {"failed"}),
            ("accepted, then shown as failed, but ran", good(7, final="Failed"), [run(7)], {"failed", "ghost", "once"}),
            ("the proxy died and it ran", Start(7, UNANSWERED), [run(7)], {"unanswered"}),
            ("the proxy died and it ran twice", Start(7, UNANSWERED), [run(7), run(7)], {"unanswered", "duplicate"}),
            ("ran under another id", good(7), [run(7, id="x")], {"once", "completed", "misnamed"}),
            ("answered with another id than was chosen", good(7, given_id="mine"), [run(7)], {"once", "completed", "misnamed"}),
        )
        for what, start, executions, wanted in cases:
            with self.subTest(what):
                self.assertEqual(self.words(start, *executions), wanted)

    def test_what_is_good_is_no_miss(self):
        for start, executions in ((good(7), [run(7)]), (Start(7, REFUSED), []), (Start(7, UNKNOWN), [run(7)]),
                                  (Start(7, UNANSWERED), []), (good(7, polls=collections.Counter({503: 1, 200: 1})), [run(7)])):
            with self.subTest(start.said):
                self.assertEqual(self.verdict(start, *executions).misses(), [])

    def test_each_defect_is_one_miss_that_names_the_start(self):
        cases = (("1 ghost: 7", Start(7, REFUSED), [run(7)]), ("1 failed: 7", Start(7, FAILED), []),
                 ("1 duplicate: 7", good(7), [run(7), run(7)]), ("1 misnamed: 7", good(7), [run(7, id="x")]),
                 ("1 polls answered 404", good(7, polls=collections.Counter({404: 1, 200: 1})), [run(7)]),
                 ("polls answered {500: 1}", good(7, polls=collections.Counter({500: 1, 200: 1})), [run(7)]),
                 ("1 wrong URLs: http://app/x", good(7, wrong_urls=["http://app/x"]), [run(7)]),
                 ("1 executions of nobody's", good(7), [run(7), run(99)]),
                 ("1 of 4 accepted did not complete", good(7), [run(7, "Running")]))
        for wanted, start, executions in cases:
            with self.subTest(wanted):
                misses = self.verdict(start, *executions).misses()
                self.assertEqual(len(misses), 1, misses)
                self.assertTrue(misses[0].startswith(wanted), misses)

    def test_a_lost_and_a_stranded_start_did_not_complete_either(self):
        lost, stranded = self.verdict(good(7)), self.verdict(good(7, final=""), run(7, "Running"))
        self.assertEqual([miss.split(":")[0] for miss in lost.misses()], ["1 lost", "1 of 4 accepted did not complete"])
        self.assertEqual([miss.split(":")[0] for miss in stranded.misses()], ["1 stranded", "1 of 4 accepted did not complete"])

    def test_nothing_accepted_is_a_miss(self):
        self.assertEqual(reconcile.reconcile([Start(1, REFUSED)], []).misses(), ["no start was accepted"])

    def test_two_starts_of_one_number_are_a_fault_of_the_harness(self):
        with self.assertRaises(ValueError):
            reconcile.reconcile([good(1), good(1)], [])

    def test_times_to_answer(self):
        verdict = self.verdict(good(7, answer_ms=900.0), run(7))
        self.assertEqual((verdict.answer_ms(0.5), verdict.slowest_ms()), (8.0, 900.0))

    def test_the_table_has_a_value_for_every_column(self):
        row = starts.Row(starts.Cell("freeze"), self.verdict(good(7), run(7), run(7)), possible_duplicates=1)
        self.assertEqual(starts.header().split("\n")[0].count("|"), row.line().count("|"))
        self.assertEqual((row.values()["duplicates"], row.values()["possible duplicates"], row.json()["misses"]),
                         (1, 1, row.misses()))
        self.assertTrue(row.values()["verdict"].startswith("MISSED: 1 duplicate"))


class BadProxy:
    """Forwards to the primary with little patience. When a start is not answered in time, it says 502 to those with
    an even number and tries those with an odd one at the secondary: all of them are in the buffers of the frozen
    primary. To the starts in `planted` it does what the word says."""

    PATIENCE = 2.0

    def __init__(self, scene: starts.Scene, planted: dict[int, str]):
        self.apps = [scene.app_url(name) for name in ("primary", "secondary")]
        self.planted = planted
        self.gave_up: set[int] = set()
        self.repeated: set[int] = set()
        self.place: dict[str, str] = {}  # of an instance
        self.number: dict[str, int] = {}
        self.denied: set[str] = set()
        bad = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                self.answer(*bad.start(self.path, self.rfile.read(int(self.headers["Content-Length"]))))

            def do_GET(self):
                self.answer(*bad.poll(self.path))

            def answer(self, status: int, body: bytes):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def start(self, path: str, body: bytes) -> tuple[int, bytes]:
        number = starts.number_in(body.decode())
        if self.planted.get(number) == "lost":
            return 202, json.dumps({"id": path.rpartition("/")[2], "statusQueryGetUri": f"{self.url}/lost"}).encode()
        for app in self.apps:
            try:
                answer = support.request("POST", app + path, body, {"Content-Type": "application/json"}, timeout=self.PATIENCE)
            except (OSError, http.client.HTTPException):
                if number % 2 and app == self.apps[0]:
                    self.repeated.add(number)
                    continue
                self.gave_up.add(number)
                break
            said = answer.json()
            self.place[said["id"]], self.number[said["id"]] = app, number
            if self.planted.get(number) == "wrong url":
                return answer.status, answer.body
            return answer.status, answer.body.replace(app.encode(), self.url.encode())
        return 502, b"{}"

    def poll(self, target: str) -> tuple[int, bytes]:
        if target == "/lost":
            return 200, b'{"runtimeStatus": "Completed"}'
        instance = urllib.parse.urlsplit(target).path.rpartition("/")[2]
        planted = self.planted.get(self.number[instance])
        if planted == "404" and instance not in self.denied:
            self.denied.add(instance)
            return 404, b""
        if planted == "stranded":
            return 202, b'{"runtimeStatus": "Running"}'
        try:
            answer = support.request("GET", self.place[instance] + target, timeout=self.PATIENCE)
        except (OSError, http.client.HTTPException):
            return 503, b"{}"
        return answer.status, answer.body


class PlantedByABadProxy(unittest.TestCase):
    PLANTED = {1: "lost", 2: "404", 3: "wrong url", 4: "stranded"}
    # Clients go home after ten seconds, for the stranded start's sake.
    SETTINGS = starts.Settings(rate=5, seconds=8, fault_at=2, fault_for=5, final_within=10)

    def test_what_a_bad_proxy_does_in_a_freeze_is_found_and_nothing_else(self):
        made = []

        def front(scene):
            made.append(BadProxy(scene, self.PLANTED))
            return made[0]

        row = starts.measure(starts.Cell("freeze", "per_region"), self.SETTINGS, front)
        verdict, bad = row.verdict, made[0]
        self.assertGreater(len(bad.gave_up), 0, "no start was in flight when the primary froze")
        self.assertGreater(len(bad.repeated), 0, "no start was in flight when the primary froze")

        def having(word):
            return {number for number, words in verdict.of.items() if word in words}

        self.assertEqual(having("ghost"), bad.gave_up, row.misses())
        self.assertEqual(having("failed"), bad.gave_up)
        self.assertEqual(having("duplicate"), bad.repeated)
        self.assertEqual(having("lost"), {1})
        self.assertEqual(having("stranded"), {4})
        self.assertEqual(having("misnamed"), set())
        self.assertEqual(verdict.nobodys, [])
        self.assertEqual({n for n, start in verdict.starts.items() if start.polls[404]}, {2})
        self.assertEqual({n for n, start in verdict.starts.items() if start.wrong_urls}, {3})
        self.assertEqual(having("completed"), set(verdict.starts) - bad.gave_up - {1, 4})
        self.assertEqual(verdict.odd_polls(), {})


if __name__ == "__main__":
    unittest.main()
