"""`understudy instances` and `understudy storage failed-over` against a running proxy, and against its file when none runs."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import Answer, EndToEnd, free_port, request, understudy, wait_until

START = "/runtime/webhooks/durabletask/orchestrators/Order/"
SECRET = "an-input-that-no-list-shows"


def unclear(handler):
    """Says 500 to a start and to every look-up: nobody learns whether anything ran."""
    return Answer(500, "storage trouble")


class Instances(EndToEnd):
    def begin(self, task_hub="shared"):
        self.west, self.east = self.stand_in("west"), self.stand_in("east")
        for app in (self.west, self.east):
            app.answer = unclear
        self.ledger = self.folder / "ledger.db"
        config = self.config(self.west, self.east, admin={"address": f"127.0.0.1:{free_port()}"},
                             durable={"task_hub": task_hub, "ledger": {"path": str(self.ledger), "answer_after": "200ms"}})
        for endpoint in config["endpoints"]:
            endpoint["peer"] = "direct"
        self.path = self.write_config(config)
        self.running = self.proxy(self.path)

    def start(self, instance):
        return self.running.post(START + instance, {"input": SECRET})

    def verb(self, *words):
        return understudy(*words, "--config", str(self.path))

    def ids(self, name):
        return [row["id"] for row in self.verb("instances", name, "--json").json()["instances"]]

    def end_proxy(self):
        self.running.terminate()
        self.running.wait()

    def test_an_unclear_start_is_listed_by_the_proxy_and_by_its_file_and_can_be_forgotten(self):
        self.begin()
        self.start("order-1")
        wait_until(lambda: self.ids("unknown") == ["order-1"], what="the start in the list")
        text = self.verb("instances", "unknown")
        self.assertEqual(text.code, 0, text.err)
        self.assertRegex(text.out, r"order-1 +Order +west\S* +\d.* +unknown")
        self.assertNotIn(SECRET, text.out)
        self.end_proxy()

        offline = self.verb("instances", "unknown", "--json")
        self.assertEqual(offline.code, 0, offline.err)
        self.assertEqual(offline.json()["source"], str(self.ledger))
        self.assertEqual([row["id"] for row in offline.json()["instances"]], ["order-1"])
        self.assertNotIn(SECRET, offline.out)
        left = self.verb("instances", "forget", "order-1")
        self.assertEqual(left.code, 0, left.err)
        self.assertIn("no proxy runs", left.out)
        self.assertIn("1 decision", self.verb("instances", "unknown").out)

        self.running = self.proxy(self.path)
        wait_until(lambda: self.ids("unknown") == [], what="the next proxy to forget it")

    def test_a_decision_is_an_event_and_a_refused_one_is_exit_code_1(self):
        self.begin()
        self.start("order-1")
        wait_until(lambda: self.ids("unknown") == ["order-1"], what="the start in the list")
        done = self.verb("instances", "forget", "order-1")
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("order-1", done.out)
        event = next(e for e in self.running.events() if e["kind"] == "command")
        self.assertIn("order-1", event["text"])
        again = self.verb("instances", "resubmit", "order-1")
        self.assertEqual(again.code, 1, again.out)
        storage = self.verb("storage", "failed-over", "--last-sync-time", "2026-01-01T00:00:00Z")
        self.assertEqual(storage.code, 1, storage.out)
        self.assertIn("geo_replicated", storage.err)

    def test_an_id_cannot_write_on_the_terminal(self):
        self.begin()
        self.start("a%1B%5B2Jb")
        wait_until(lambda: self.verb("instances", "unknown", "--json").json()["instances"], what="the start in the list")
        self.assertNotIn("\x1b", self.verb("instances", "unknown").out)

    def test_instances_of_a_region_that_is_away_are_stranded(self):
        self.begin("per_region")
        created = "2026-11-23T12:00:00Z"
        runs = json.dumps({"name": "Order", "instanceId": "abc", "runtimeStatus": "Running", "input": None, "output": None,
                           "customStatus": None, "createdTime": created, "lastUpdatedTime": created})
        self.west.answer = Answer(202, runs, {"Content-Type": "application/json"})
        self.running.get("/runtime/webhooks/durabletask/instances/abc")
        self.assertEqual(self.ids("stranded"), [])
        self.assertEqual(understudy("disable", "west", "--admin", self.running.admin).code, 0)
        rows = self.verb("instances", "stranded", "--json").json()["instances"]
        self.assertEqual([(row["id"], row["at"], row["state"]) for row in rows], [("abc", "west", "Running")])
        self.assertIn("Disabled", rows[0]["why"])

    def test_empty_lists_are_fine_and_nobody_to_ask_is_exit_code_3(self):
        self.begin()
        for name in ("unknown", "queued", "possible-duplicates", "listed", "stranded"):
            listed = self.verb("instances", name)
            self.assertEqual(listed.code, 0, listed.err)
            self.assertRegex(listed.out, r"No \w.*\.\n$")
        self.end_proxy()
        for words in (("queued",), ("forget", "x")):
            gone = understudy("instances", *words, "--ledger", str(self.folder / "none.db"))
            self.assertEqual(gone.code, 3, gone.out)
        self.assertEqual(self.verb("instances", "forget", "x").code, 2)

    def test_a_page_elsewhere_cannot_decide(self):
        self.begin()
        refused = request("POST", self.running.admin + "/api/instances/forget?id=x", headers={"Origin": "http://evil.example"})
        self.assertEqual(refused.status, 403)


if __name__ == "__main__":
    unittest.main()
