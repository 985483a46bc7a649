"""A geo-replicated hub loses its last writes in an unplanned failover of its storage account: `understudy storage
failed-over` finds the starts that went with them, and `instances resubmit` runs them. Real proxy, apps and storage."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import free_port, request, understudy, wait_until
from test_geo_replica import BASE, GeoTest, instance, runs

INPUT = {"steps": 1, "stepMilliseconds": 10}


class StorageFailover(GeoTest):
    def setUp(self):
        super().setUp()
        self.storage = self.account("--replicate-every", "100ms")
        self.apps = [self.app(name, self.storage) for name in ("weu", "neu")]
        for name, app in zip(("weu", "neu"), self.apps):
            app.name = name
        config = self.config(*self.apps, admin={"address": f"127.0.0.1:{free_port()}"},
                             durable={"task_hub": "geo_replicated", "ledger": {"path": str(self.folder / "ledger.db"),
                                                                             "hub_clock_skew": "0s"}})
        self.path = self.write_config(config)
        self.front = self.proxy(self.path)

    def start(self, name: str):
        said = self.front.post(f"{BASE}/orchestrators/Order/{name}", INPUT)
        self.assertEqual(said.status, 202, said.text)
        wait_until(lambda: instance(self.apps[0], name) == "Completed", what=f"{name} completed")

    def verb(self, *words) -> dict:
        done = understudy(*words, "--config", str(self.path), "--json")
        self.assertEqual(done.code, 0, done.out + done.err)
        return done.json()

    def lost(self) -> list[str]:
        return sorted(row["id"] for row in self.verb("instances", "listed")["instances"])

    def test_what_a_failover_lost_is_listed_and_runs_again_when_told_to(self):
        self.start("kept")
        self.replicated(self.storage)
        self.assertEqual(request("POST", f"{self.storage.url}/_control/replication?every=60m").status, 200)
        wait_until(lambda: (s := self.replica(self.storage))["everyMilliseconds"] == 3_600_000 and not s["copying"],
                   what="the last copy")
        for name in ("gone-1", "gone-2"):
            self.start(name)
        synced = self.replica(self.storage)["lastSyncTime"]
        said = self.fail_over(self.storage, "unplanned").json()
        self.assertEqual(said["lost"], 2, said)
        wait_until(lambda: instance(self.apps[0], "gone-1") == "404", what="the hub without its last writes")

        self.verb("storage", "failed-over", "--last-sync-time", synced)
        wait_until(lambda: self.lost() == ["gone-1", "gone-2"], what="both lost starts in the list")
        self.assertEqual(len([a for a in self.front.status()["alerts"] if a["kind"] == "starts_lost"]), 1)

        self.verb("instances", "resubmit", "gone-1")
        wait_until(lambda: instance(self.apps[0], "gone-1") == "Completed", what="the lost start's second run")
        wait_until(lambda: self.lost() == ["gone-2"], what="the list without it")
        self.assertEqual([len(runs(self.storage, name)) for name in ("kept", "gone-1", "gone-2")], [1, 2, 1])


del GeoTest  # its own tests run in their own file

if __name__ == "__main__":
    unittest.main()
