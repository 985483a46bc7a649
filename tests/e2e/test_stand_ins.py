"""What the stand-ins' own command lines promise to a rehearsal: a host that was unloaded, an app with a frozen instance, a
database that another process holds, timers that come due while nobody works."""

import concurrent.futures
import os
import sqlite3
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import EndToEnd, executable, free_port, request, wait_until

BASE = "/runtime/webhooks/durabletask"


class StandIns(EndToEnd):
    def function_app(self, name: str, *more: str, port: int = 0):
        port = port or free_port()
        app = self.process("understudy-app", [executable("understudy-app"), "--listen", f"127.0.0.1:{port}",
                                              "--name", name, "--hub", "Orders", *more], r"listening on")
        app.url, app.port = f"http://127.0.0.1:{port}", port
        return app

    def start_one(self, app, name: str, plan: dict) -> int:
        return request("POST", f"{app.url}{BASE}/orchestrators/Order/{name}", plan).status

    def state(self, app, name: str) -> str:
        return request("GET", f"{app.url}{BASE}/instances/{name}").json()["runtimeStatus"]

    def test_the_first_requests_after_idling_wait_for_one_cold_start_together(self):
        app = self.function_app("west", "--cold-start", "800ms", "--idle-after", "300ms")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            first = list(pool.map(lambda _: request("GET", app.url + "/api/health"), range(4)))
        self.assertTrue(all(one.status == 200 for one in first))
        self.assertGreaterEqual(max(one.seconds for one in first), 0.7)
        self.assertLess(max(one.seconds for one in first), 3)
        idle_since = time.monotonic()
        wait_until(lambda: time.monotonic() > idle_since + 0.4, what="the host has idled")
        self.assertGreaterEqual(request("GET", app.url + "/").seconds, 0.7)

    def test_a_frozen_instance_behind_a_front_end_takes_every_second_request_with_it(self):
        one, two = self.function_app("one"), self.function_app("two")
        port = free_port()
        self.process("understudy-gateway", [
            executable("understudy-gateway"), "--listen", f"127.0.0.1:{port}", "--app", one.url, "--app", two.url,
            "--cut-after", "700ms"], r"listening on")
        ask = lambda: request("GET", f"http://127.0.0.1:{port}/api/health")
        self.assertEqual({ask().headers["X-Served-By"] for _ in range(4)}, {"one", "two"})
        two.freeze()
        self.assertEqual(sorted(ask().status for _ in range(4)), [200, 200, 502, 502])
        two.thaw()
        two.kill()
        self.assertEqual([ask().status for _ in range(4)], [200] * 4, "a dead one is passed over")

    def test_a_front_end_without_an_app_is_refused(self):
        for words in ([], ["--app", "https://127.0.0.1:1"], ["--app", "http://127.0.0.1:1", "--app", "nonsense"]):
            ended = self.process("understudy-gateway", [executable("understudy-gateway"), *words])
            self.assertNotEqual(ended.wait(), 0, ended.text)
            self.assertIn("--app", ended.text)

    def test_starts_fail_while_another_process_holds_the_database_and_work_again_after(self):
        storage = self.storage()
        app = self.function_app("west", "--storage", storage.url)
        self.assertEqual(self.start_one(app, "before", {"steps": 3, "stepMilliseconds": 100}), 202)
        file = storage.args[storage.args.index("--db") + 1]
        other = sqlite3.connect(file, isolation_level=None, timeout=5)
        other.execute("BEGIN EXCLUSIVE")
        held_since = time.monotonic()
        statuses = []
        while time.monotonic() < held_since + 5:
            began = time.monotonic()
            statuses.append(self.start_one(app, "during", {"steps": 1}))
            self.assertLess(time.monotonic() - began, 4, "it waits boundedly")
        self.assertEqual(set(statuses), {500})
        self.assertEqual(request("GET", f"{app.url}{BASE}/instances/during").status, 404, "nothing is half done")
        other.execute("ROLLBACK")
        other.close()
        self.assertEqual(self.start_one(app, "during", {"steps": 1}), 202)
        for name in ("before", "during"):
            wait_until(lambda: self.state(app, name) == "Completed", what=f"{name} completed")
        runs = request("GET", storage.url + "/_control/executions").json()["executions"]
        self.assertEqual(sorted((run["instance"], run["ends"]) for run in runs), [("before", 1), ("during", 1)])

    def test_timers_that_come_due_while_the_app_is_dead_fire_at_once_when_it_is_back(self):
        storage = self.storage()
        app = self.function_app("west", "--storage", storage.url)
        begin = time.monotonic()
        for number in range(20):
            self.assertEqual(self.start_one(app, f"t{number}", {"steps": [{"timer": 1500}]}), 202)
        wait_until(lambda: self.state(app, "t19") == "Running", what="the last one waits for its timer")
        started = time.monotonic()
        app.kill()
        self.assertLess(time.monotonic() - begin, 1.5, "too late to mean anything: none may have fired yet")
        wait_until(lambda: time.monotonic() > started + 1.6, what="all timers are due")
        app = self.function_app("west", "--storage", storage.url, port=app.port)
        wait_until(lambda: all(self.state(app, f"t{n}") == "Completed" for n in range(20)), 5, "all completed")
        runs = request("GET", storage.url + "/_control/executions").json()["executions"]
        self.assertEqual((len(runs), {run["ends"] for run in runs}), (20, {1}))


if __name__ == "__main__":
    unittest.main()
