"""The asynchronous replica of the stand-in storage, its account failovers, and what a frozen app does with the starts that it
finds in its socket buffers when it thaws: real processes, no proxy."""

import json
import os
import signal
import socket
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import EndToEnd, Process, executable, free_port, request, wait_until

BASE = "/runtime/webhooks/durabletask"


def instance(app, name: str) -> str:
    """Its runtime status, or the HTTP status of an answer that has none."""
    answer = request("GET", f"{app.url}{BASE}/instances/{name}")
    return answer.json()["runtimeStatus"] if answer.status in (200, 202) else str(answer.status)


def start(app, name: str, **body) -> int:
    return request("POST", f"{app.url}{BASE}/orchestrators/Order/{name}", {"steps": 1, "stepMilliseconds": 10, **body}).status


def runs(storage, name: str = "") -> list[dict]:
    return request("GET", f"{storage.url}/_control/executions?id={name}").json()["executions"]


class GeoTest(EndToEnd):
    def account(self, *options, db: str = "west.db", port: int = 0) -> Process:
        port = port or free_port()
        account = self.process("understudy-storage", [
            executable("understudy-storage"), "--listen", f"127.0.0.1:{port}", "--db", str(self.folder / db), *options], r"listening on")
        account.url, account.port = f"http://127.0.0.1:{port}", port
        return account

    def complete(self, app, name: str, **body):
        self.assertEqual(start(app, name, **body), 202)
        wait_until(lambda: instance(app, name) == "Completed", what=f"{name} completed")

    def replica(self, storage) -> dict:
        return request("GET", storage.url + "/_control/replica").json()

    def fail_over(self, storage, kind: str, takes: str = "50ms"):
        return request("POST", f"{storage.url}/_control/failover?kind={kind}&takes={takes}")

    def replicated(self, storage) -> dict:
        """Its state once all that was written until now is in the replica."""
        began = self.replica(storage)["copies"]
        return wait_until(lambda: (state := self.replica(storage))["copies"] >= began + 2 and state, what="two more copies")


class AccountFailover(GeoTest):
    def test_an_unplanned_one_loses_what_came_after_last_sync_time_and_leaves_a_local_account(self):
        storage = self.account("--replicate-every", "50ms")
        app = self.app("app", storage)
        self.complete(app, "kept")
        self.replicated(storage)
        request("POST", storage.url + "/_control/replication?every=60m")  # from its first copy on nothing is replicated
        state = wait_until(lambda: (s := self.replica(storage))["everyMilliseconds"] == 3_600_000 and not s["copying"] and s,
                           what="the last copy")
        self.complete(app, "late")
        answer = self.fail_over(storage, "unplanned").json()
        self.assertEqual(answer["lastSyncTime"], state["lastSyncTime"])
        self.assertRegex(answer["lastSyncTime"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual((answer["lost"], answer["lostInstances"]), (1, [{"hub": "Demo", "instance": "late"}]))
        self.assertEqual((instance(app, "kept"), instance(app, "late")), ("Completed", "404"))
        # It runs on, and a second failover has nothing to go on with.
        self.complete(app, "late")
        self.assertEqual(self.replica(storage)["redundancy"], "local")
        self.assertEqual(self.fail_over(storage, "unplanned").status, 409)
        self.assertEqual(len(runs(storage, "late")), 2, "the journal still knows the run that was lost")
        self.assertEqual([r["app"] for r in runs(storage, "kept")], ["app"])
        # Configured again it is replicated again, and what was lost stays lost after a restart.
        self.assertEqual(request("POST", storage.url + "/_control/replication?every=50ms").status, 200)
        self.replicated(storage)
        self.assertEqual(self.fail_over(storage, "unplanned").json()["lost"], 0)

    def test_a_planned_one_loses_nothing_and_answers_503_meanwhile(self):
        storage = self.account("--replicate-every", "60m")
        app = self.app("app", storage)
        wait_until(lambda: self.replica(storage)["copies"] == 1, what="the first copy")
        self.complete(app, "a")
        self.assertEqual(start(app, "long", steps=1, stepMilliseconds=1500), 202)
        wait_until(lambda: instance(app, "long") == "Running", what="it runs")
        # The answer comes at the end: another connection looks on.
        with socket.create_connection(("127.0.0.1", storage.port), timeout=10) as waiting:
            waiting.sendall(b"POST /_control/failover?kind=planned&takes=700ms HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n")
            wait_until(lambda: self.replica(storage)["failingOver"], what="the failover")
            self.assertEqual(request("GET", storage.url + "/hubs").status, 503)
            self.assertEqual(instance(app, "a"), "500")
            self.assertEqual(self.fail_over(storage, "planned").status, 409, "one at a time")
            said = b""
            while piece := waiting.recv(65536):
                said += piece
        answer = json.loads(said.split(b"\r\n\r\n", 1)[1])
        self.assertEqual((answer["kind"], answer["lost"], answer["rolledBack"], answer["redundancy"]), ("planned", 0, 0, "geo"))
        wait_until(lambda: instance(app, "long") == "Completed", what="what was under way")
        self.assertEqual(instance(app, "a"), "Completed")
        wait_until(lambda: self.replica(storage)["lastSyncTime"], what="replication goes on")

    def test_an_outage_stops_replication_and_ends_with_an_unplanned_failover(self):
        storage = self.account("--replicate-every", "50ms")
        app = self.app("app", storage)
        self.complete(app, "a")
        self.replicated(storage)
        request("POST", storage.url + "/_control/outage?mode=errors")
        before = self.replica(storage)
        self.assertEqual(self.fail_over(storage, "planned").status, 409, "it needs both regions")
        self.assertEqual(instance(app, "a"), "500")
        answer = self.fail_over(storage, "unplanned", "200ms").json()  # four intervals
        self.assertEqual(answer["lastSyncTime"], before["lastSyncTime"])
        self.assertEqual(instance(app, "a"), "Completed")

    def test_what_makes_no_sense_is_refused_and_changes_nothing(self):
        storage = self.account()
        for query in ("failover", "failover?kind=sideways", "failover?kind=planned&takes=soon", "replication", "replication?every=0s",
                      "replication?every=-5s", "replication?every=1s&skew=often"):
            self.assertEqual(request("POST", f"{storage.url}/_control/{query}").status, 400, query)
        self.assertEqual(self.fail_over(storage, "planned").status, 409, "locally redundant")
        self.assertEqual(self.fail_over(storage, "unplanned").status, 409)
        self.assertEqual(self.replica(storage)["lastSyncTime"], None)
        letter = self.folder / "letter.txt"
        letter.write_text("no replica")
        for options in (["--replicate-to", str(letter)], ["--replicate-to", str(letter), "--replicate-every", "1s"],
                        ["--replicate-every", "1ms"], ["--replicate-every", "1s", "--replica-skew", "much"],
                        ["--from-replica", str(self.folder / "absent")], ["--from-replica", str(letter)]):
            broken = self.process("understudy-storage", [
                executable("understudy-storage"), "--db", str(self.folder / "other.db"), *options])
            self.assertEqual(broken.wait(), 2, f"{options}: {broken.text}")
        self.assertEqual(letter.read_text(), "no replica")

    def test_a_replica_survives_the_death_of_its_primary_and_starts_as_the_new_one(self):
        replica = str(self.folder / "east.replica")
        storage = self.account("--replicate-to", replica, "--replicate-every", "50ms")
        app = self.app("app", storage)
        self.complete(app, "kept")
        self.replicated(storage)
        storage.kill()  # perhaps in the midst of a copy
        refused = self.process("understudy-storage", [
            executable("understudy-storage"), "--db", str(self.folder / "west.db"), "--from-replica", replica])
        self.assertEqual(refused.wait(), 2, "there is a primary")
        east = self.account("--from-replica", replica, "--journal", str(self.folder / "west.db.runs"), db="east.db", port=storage.port)
        self.assertRegex(east.text, r"from a replica with Last Sync Time 2\d{3}-")
        wait_until(lambda: instance(app, "kept") == "Completed", what="the new primary serves")
        self.assertEqual([r["status"] for r in runs(east, "kept")], ["Completed"])
        self.complete(app, "new")

    def test_queues_that_are_cut_before_the_tables_leave_rows_that_nobody_runs(self):
        storage = self.account("--replicate-every", "60m", "--replica-skew=-1500ms")
        app = self.app("app", storage)
        wait_until(lambda: self.replica(storage)["copying"], what="the queues are cut")
        self.assertEqual(start(app, "half", steps=1, stepMilliseconds=5000), 202)
        state = wait_until(lambda: (s := self.replica(storage))["copies"] == 1 and s, what="the copy")
        self.assertEqual(state["rowsWithoutMessage"], 1)
        self.assertLess(state["queuesSyncTime"], state["tablesSyncTime"])
        self.assertEqual(state["lastSyncTime"], state["queuesSyncTime"])
        answer = self.fail_over(storage, "unplanned").json()
        self.assertEqual((answer["lost"], answer["rowsWithoutMessage"]), (0, 1))
        self.complete(app, "whole")
        self.assertIn(instance(app, "half"), ("Pending", "Running"), "for ever")


class Thaw(GeoTest):
    """What a client sent to a frozen app is in its socket buffers, whatever became of the connection."""

    def setUp(self):
        super().setUp()
        self.storage_ = self.account()
        self.frozen = self.app("frozen", self.storage_)

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.frozen.port), timeout=10)
        self.addCleanup(connection.close)
        return connection

    @staticmethod
    def send_start(connection: socket.socket, name: str):
        body = b'{"steps": 1, "stepMilliseconds": 10}'
        connection.sendall(f"POST {BASE}/orchestrators/Order/{name} HTTP/1.1\r\nHost: app\r\nContent-Type: application/json\r\n"
                           f"Content-Length: {len(body)}\r\n\r\n".encode() + body)

    @staticmethod
    def reset(connection: socket.socket):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    def served(self) -> socket.socket:
        """A connection that the app has accepted and answered on."""
        connection = self.connect()
        connection.sendall(b"GET /api/health HTTP/1.1\r\nHost: app\r\n\r\n")
        self.assertIn(b"200", connection.recv(4096))
        return connection

    def send_to_frozen(self) -> list[str]:
        """Starts over connections kept alive and over new ones, which are reset, closed in order, or left open."""
        kept = {f"kept-{end}": self.served() for end in ("reset", "closed", "open")}
        self.frozen.freeze()
        connections = {**kept, **{f"new-{end}": self.connect() for end in ("reset", "closed", "open")}}
        for name, connection in connections.items():
            self.send_start(connection, name)
            if name.endswith("reset"):
                self.reset(connection)
            elif name.endswith("closed"):
                connection.close()
        return list(connections)

    def test_a_thawed_app_runs_them_even_if_the_connection_was_reset(self):
        names = self.send_to_frozen()
        self.assertEqual(runs(self.storage_), [], "a frozen app runs nothing")
        self.frozen.thaw()
        wait_until(lambda: sorted(r["instance"] for r in runs(self.storage_) if r["status"] == "Completed") == sorted(names),
                   what="all six ran, once each")

    def test_a_killed_app_runs_nothing_of_them(self):
        self.send_to_frozen()
        self.frozen.kill()
        again = self.app("again", self.storage_, port=self.frozen.port)
        self.complete(again, "afterwards")
        self.assertEqual([r["instance"] for r in runs(self.storage_)], ["afterwards"])

    def test_a_finished_id_is_silently_run_again_and_the_journal_shows_both_over_a_crash(self):
        self.complete(self.frozen, "twice")
        self.frozen.freeze()
        connection = self.connect()
        self.send_start(connection, "twice")
        self.reset(connection)
        self.frozen.thaw()
        wait_until(lambda: len(runs(self.storage_, "twice")) == 2, what="a second run")
        wait_until(lambda: instance(self.frozen, "twice") == "Completed", what="which ends")
        self.frozen.kill()
        first, second = runs(self.storage_, "twice")
        self.assertLess(first["created"], second["created"])
        self.assertEqual((first["app"], second["app"]), ("frozen", "frozen"))
        self.assertLess(first["run"], second["run"])
        self.assertLessEqual(first["started"], first["finished"])
        self.assertIn("steps", json.loads(first["input"]), "by its payload a start is found whatever its id")


class Stopped(GeoTest):
    def test_a_storage_that_is_told_to_end_during_a_failover_ends(self):
        storage = self.account("--replicate-every", "50ms")
        wait_until(lambda: self.replica(storage)["copies"] > 0, what="a copy")
        with socket.create_connection(("127.0.0.1", storage.port), timeout=10) as waiting:
            waiting.sendall(b"POST /_control/failover?kind=unplanned&takes=60m HTTP/1.1\r\nHost: s\r\n\r\n")
            wait_until(lambda: self.replica(storage)["failingOver"], what="the failover")
            storage.signal(signal.SIGTERM)
            self.assertEqual(storage.wait(10), 0)


if __name__ == "__main__":
    unittest.main()
