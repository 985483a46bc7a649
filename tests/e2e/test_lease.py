"""The app lease of a shared hub, the check of `durable.task_hub`, and the instance directory's file, as operators
meet them. Two stand-ins play the apps; the lease's documented times are divided by 100 (`--time-scale`)."""

import concurrent.futures
import json
import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artefacts
from support import Answer, EndToEnd, request, understudy, wait_until

API = "/runtime/webhooks/durabletask"
SCALE = ("--time-scale", "100")  # a lease of 600 ms, renewed every 250 ms, tried for every 3 s


def instance(name: str, created: str = "2026-01-02T03:04:05Z") -> dict:
    return {"name": "Flow", "instanceId": name, "runtimeStatus": "Completed", "input": None, "customStatus": None,
            "output": None, "createdTime": created, "lastUpdatedTime": created}


class Apps(EndToEnd):
    def setUp(self):
        super().setUp()
        self.weu, self.neu = self.function_app("weu"), self.function_app("neu")

    def function_app(self, name):
        """A stand-in that records makeprimary calls and answers for the instances in `.hub`."""
        app = self.stand_in(name)
        app.hub = {}
        app.on_makeprimary = lambda: Answer(200, "")

        def answer(handler):
            path = handler.path.partition("?")[0]
            if path == API + "/makeprimary":
                return app.on_makeprimary()
            if path == API + "/instances":
                return Answer(200, json.dumps(list(app.hub.values())[:1]))
            if path.startswith(API + "/instances/"):
                found = app.hub.get(path.rpartition("/")[2])
                return Answer(200, json.dumps(found)) if found else Answer(404, "")
            return Answer()

        app.answer = answer
        app.makeprimaries = lambda: [r for r in app.requests if r[1].startswith(API + "/makeprimary")]
        return app

    def start(self, follow="ask", hub="shared", *args, **changes):
        config = self.config(self.weu, self.neu, **changes)
        config["durable"] = {"task_hub": hub, "ledger": {"mode": "off"}, "lease": {"follow": follow}}
        proxy = self.proxy(config, *(args or SCALE))
        wait_until(lambda: all(e["monitorStatus"] == "Online" for e in proxy.status()["endpoints"]), what="online")
        return proxy

    def operate(self, proxy, *verb):
        return understudy(*verb, "--admin", proxy.admin)

    def lease(self, proxy):
        return proxy.status()["durable"]["lease"]

    def alerts(self, proxy, kind):
        return [a for a in proxy.status()["alerts"] if a["kind"] == kind]

    def wait_for_owner(self, proxy, owner, sure="certain"):
        wait_until(lambda: (self.lease(proxy)["owner"], self.lease(proxy)["sure"]) == (owner, sure), 20,
                   f"{owner} {sure} owner of the lease")

    def work_moves_away(self, proxy):
        """An outage of weu that is long enough for neu to take the lease; then HTTP is back at weu."""
        self.weu.stop()
        self.wait_for_owner(proxy, "neu")
        self.weu.start()
        proxy.wait_for_active("weu")


class Lease(Apps):
    def test_ask_tells_an_operator_what_to_type_and_the_command_brings_the_work_back(self):
        proxy = self.start("ask")
        self.assertEqual(self.lease(proxy)["sure"], "unknown")
        self.work_moves_away(proxy)
        self.assertEqual((self.lease(proxy)["owner"], self.lease(proxy)["http"], self.lease(proxy)["split"]),
                         ("neu", "weu", True))
        alert = wait_until(lambda: self.alerts(proxy, "work_elsewhere"), what="the alert")[0]
        self.assertEqual(alert["endpoint"], "weu")
        for part in ("HTTP goes to weu", "orchestrations run at neu", "certain", "`understudy makeprimary weu`"):
            self.assertIn(part, alert["text"])
        self.assertIn("orchestrations run at neu (certain), HTTP at weu", self.operate(proxy, "status").out)
        self.assertEqual(proxy.metric("understudy_app_lease_owner", endpoint="neu", sure="certain"), 1)
        self.assertEqual(proxy.metric("understudy_app_lease_split"), 1)
        self.assertEqual(self.weu.makeprimaries() + self.neu.makeprimaries(), [], "asked, not done")

        done = self.operate(proxy, "makeprimary", "weu")
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("weu accepted makeprimary", done.out)
        self.assertEqual((len(self.weu.makeprimaries()), len(self.neu.makeprimaries())), (1, 0))
        self.wait_for_owner(proxy, "weu")
        wait_until(lambda: not self.alerts(proxy, "work_elsewhere"), what="the alert's end")
        self.assertEqual(proxy.metric("understudy_app_lease_split"), 0)
        texts = [e["text"] for e in proxy.events() if e["kind"] == "durable"]
        self.assertTrue(any("orchestrations run at neu (certain" in t for t in texts), texts)
        self.assertTrue(any("sent by an operator" in t for t in texts), texts)

    def test_auto_has_the_work_follow_the_requests(self):
        proxy = self.start("auto")
        self.work_moves_away(proxy)
        self.wait_for_owner(proxy, "weu")
        self.assertEqual((len(self.weu.makeprimaries()), len(self.neu.makeprimaries())), (1, 0))
        self.assertEqual(self.weu.makeprimaries()[0][0], "POST")
        self.assertEqual(self.alerts(proxy, "work_elsewhere"), [])

    def test_auto_stops_asking_an_app_that_refuses_and_tells_an_operator(self):
        proxy = self.start("auto")
        self.weu.on_makeprimary = lambda: Answer(500, "useAppLease is off")
        self.work_moves_away(proxy)
        wait_until(lambda: self.alerts(proxy, "work_elsewhere"), 20, "the alert")
        self.assertEqual(len(self.weu.makeprimaries()), 3)
        self.assertEqual(self.lease(proxy)["owner"], "neu")
        done = self.operate(proxy, "makeprimary", "weu")
        self.assertEqual(done.code, 1)
        self.assertIn("weu refused makeprimary with 500", done.err)
        self.assertEqual(len(self.weu.makeprimaries()), 4)

    def test_never_shows_the_split_and_does_nothing(self):
        proxy = self.start("never")
        self.work_moves_away(proxy)
        wait_until(lambda: self.lease(proxy)["makeprimarySafe"], what="both apps known to be alive")
        self.assertTrue(self.lease(proxy)["split"])
        self.assertEqual(self.alerts(proxy, "work_elsewhere"), [])
        self.assertEqual(self.weu.makeprimaries() + self.neu.makeprimaries(), [])

    def test_makeprimary_is_refused_while_an_app_is_down_and_nothing_is_sent(self):
        proxy = self.start()
        self.neu.stop()
        proxy.wait_for_status("neu", "Degraded")
        done = self.operate(proxy, "makeprimary", "weu")
        self.assertEqual(done.code, 1)
        self.assertIn("makeprimary was not sent to weu: neu does not answer", done.err)
        done = self.operate(proxy, "makeprimary", "weu", "--json")
        self.assertEqual(done.code, 1)
        self.assertIn("neu does not answer", done.json()["detail"])
        self.assertEqual(self.weu.makeprimaries(), [])

    def test_a_name_that_is_none_and_a_hub_without_a_lease_are_told(self):
        proxy = self.start()
        done = self.operate(proxy, "makeprimary", "nue")
        self.assertEqual(done.code, 2)
        self.assertIn('did you mean "neu"?', done.err)
        proxy = self.start("ask", "per_region")
        done = self.operate(proxy, "makeprimary", "neu")
        self.assertEqual(done.code, 1)
        self.assertIn("per_region", done.err)
        self.assertIsNone(self.lease(proxy))
        self.assertNotIn("understudy_app_lease", proxy.metrics())

    def test_a_makeprimary_that_a_client_sent_through_the_proxy_counts(self):
        proxy = self.start()
        wait_until(lambda: self.lease(proxy)["makeprimarySafe"], what="both apps known to be alive")
        self.weu.on_makeprimary = lambda: Answer(500, "no")
        self.assertEqual(proxy.post(API + "/makeprimary").status, 500)
        self.assertEqual(self.lease(proxy)["owner"], None)
        self.weu.on_makeprimary = lambda: Answer(200, "")
        self.assertEqual(proxy.post(API + "/makeprimary").status, 200)
        self.wait_for_owner(proxy, "weu")
        events = [e["text"] for e in proxy.events() if e["reason"] == "makeprimary"]
        self.assertEqual(len(events), 1, events)
        self.assertIn("sent by a client", events[0])

    def test_the_admin_listener_answers_while_an_app_takes_its_time_over_makeprimary(self):
        proxy = self.start()
        wait_until(lambda: self.lease(proxy)["makeprimarySafe"], what="both apps known to be alive")
        asked, go_on = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)

        def slow():
            asked.set()
            go_on.wait(9)
            return Answer(200, "")

        self.weu.on_makeprimary = slow
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            slowly = pool.submit(self.operate, proxy, "makeprimary", "weu")
            self.assertTrue(asked.wait(10))
            self.assertEqual(request("GET", proxy.admin + "/healthz", timeout=2).status, 200)
            self.assertEqual(proxy.get("/").text, "weu")
            second = self.operate(proxy, "makeprimary", "weu")
            self.assertEqual((second.code, "another one is under way" in second.err), (1, True), second.err)
            go_on.set()
            self.assertEqual(slowly.result().code, 0)
        self.assertEqual(len(self.weu.makeprimaries()), 1)

    def test_a_makeprimary_without_an_answer_is_inconclusive(self):
        proxy = self.start()
        wait_until(lambda: self.lease(proxy)["makeprimarySafe"], what="both apps known to be alive")

        def broken():
            raise ConnectionError("the app ends here")

        self.weu.on_makeprimary = broken
        done = self.operate(proxy, "makeprimary", "weu")
        self.assertEqual(done.code, 3, done.out + done.err)
        self.assertIn("it may have been taken", done.err)
        self.assertEqual(self.lease(proxy)["owner"], None)

    def test_the_time_scale_is_told_and_its_absence_means_the_documented_times(self):
        proxy = self.start()
        self.assertEqual(proxy.status()["durable"]["timeScale"], 100)
        proxy.wait_line("time scale 100: the documented times of the app lease are divided by it")
        proxy = self.start("ask", "shared", "--time-scale", "1")
        self.assertEqual(proxy.status()["durable"]["timeScale"], 1)
        self.assertNotIn("time scale", proxy.text)
        self.assertIn("less than 25 s", self.lease(proxy)["makeprimaryWhy"])


class HubClaim(Apps):
    def claim(self, proxy, verdict):
        wait_until(lambda: (proxy.status()["durable"]["hubClaim"] or {}).get("verdict") == verdict,
                   what=f"the claim about the hubs to be {verdict}")
        return proxy.status()["durable"]["hubClaim"]

    def test_hubs_that_are_not_shared_are_an_alert_until_a_reload_finds_them_shared(self):
        self.weu.hub["a"] = instance("a")
        self.neu.hub["b"] = instance("b")
        proxy = self.start()
        self.assertEqual(self.claim(proxy, "contradiction")["hubs"], "separate")
        alert = wait_until(lambda: self.alerts(proxy, "hub_claim"), what="the alert")[0]
        self.assertIn('durable.task_hub is "shared"', alert["text"])
        self.assertEqual(proxy.metric("understudy_hub_claim_contradiction"), 1)
        self.assertIn("their hubs are separate", self.operate(proxy, "status").out)
        self.weu.hub = self.neu.hub = {"a": instance("a")}
        self.assertEqual(self.operate(proxy, "reload").code, 0)
        self.assertEqual(self.claim(proxy, "ok")["hubs"], "shared")
        wait_until(lambda: not self.alerts(proxy, "hub_claim"), what="the alert's end")
        self.assertEqual(proxy.metric("understudy_hub_claim_contradiction"), 0)

    def test_a_reload_that_changes_the_claim_has_it_checked_again(self):
        self.weu.hub = self.neu.hub = {"a": instance("a")}
        proxy = self.start()
        self.claim(proxy, "ok")
        path = self.folder / "understudy.json"
        config = json.loads(path.read_text())
        config["durable"]["task_hub"] = "per_region"
        path.write_text(json.dumps(config))
        self.assertEqual(self.operate(proxy, "reload").code, 0)
        self.assertIn("share one hub", self.claim(proxy, "contradiction")["message"])

    def test_empty_hubs_cannot_be_told_apart_and_that_is_no_alert(self):
        proxy = self.start()
        self.claim(proxy, "cannot_tell")
        self.assertEqual(self.alerts(proxy, "hub_claim"), [])
        self.assertTrue(any(e["reason"] == "hub_claim" for e in proxy.events()))

    def test_without_a_task_hub_nobody_is_asked(self):
        proxy = self.start("ask", "none")
        wait_until(lambda: proxy.status()["uptimeSeconds"] > 1, what="a few ticks")
        self.assertIsNone(proxy.status()["durable"]["hubClaim"])
        self.assertEqual([r for r in self.weu.requests + self.neu.requests if API in r[1]], [])


class DirectoryFile(Apps):
    def per_region(self, path):
        config = self.config(self.weu, self.neu)
        config["durable"] = {"task_hub": "per_region", "ledger": {"mode": "durable", "path": str(path)}}
        return config

    def refused_start(self, path) -> str:
        config = self.write_config(self.per_region(path), "second.json")
        done = understudy("run", config, "--workers", "1")
        self.assertEqual(done.code, 2, done.out + done.err)
        self.assertNotIn("ready", done.out)
        return done.err

    def test_a_damaged_file_is_refused_with_the_way_out_and_left_alone(self):
        path = self.folder / "ledger.db"
        path.write_bytes(b"this is no database " * 500)
        said = self.refused_start(path)
        self.assertIn(f"{path} is damaged", said)
        self.assertIn(f"mv {path}", said)
        self.assertEqual(path.read_bytes(), b"this is no database " * 500)

    def test_two_proxies_share_a_file_while_one_takes_the_others_place(self):
        path = self.folder / "ledger.db"
        first, second = self.proxy(self.per_region(path)), self.proxy(self.per_region(path))
        for proxy in (first, second):
            directory = proxy.status()["durable"]["directory"]
            self.assertEqual((directory["onDisk"], directory["diskOk"], directory["path"]), (True, True, str(path)))
            self.assertEqual(proxy.metric("understudy_directory_disk_ok"), 1)
        first.close()
        self.assertTrue(second.status()["durable"]["directory"]["diskOk"])

    def test_a_folder_that_cannot_be_written_is_an_alert_and_the_proxy_goes_on_in_memory_until_it_can(self):
        blocked = self.folder / "state"
        blocked.write_text("a file where the folder should be; as root no mode would do")
        path = blocked / "ledger.db"
        proxy = self.proxy(self.per_region(path))
        alert = wait_until(lambda: self.alerts(proxy, "directory_disk"), what="the alert")[0]
        self.assertIn(str(blocked), alert["text"])
        directory = proxy.status()["durable"]["directory"]
        self.assertEqual((directory["onDisk"], directory["diskOk"]), (True, False))
        self.assertIn(str(blocked), directory["message"])
        self.assertEqual(proxy.metric("understudy_directory_disk_ok"), 0)
        self.assertEqual(proxy.get("/").text, "weu")
        blocked.unlink()
        wait_until(lambda: not self.alerts(proxy, "directory_disk"), 20, "the alert's end")
        self.assertTrue(path.exists())
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_what_needs_no_directory_on_disk_has_none(self):
        proxy = self.start()
        directory = proxy.status()["durable"]["directory"]
        self.assertEqual((directory["onDisk"], directory["path"], directory["entries"]), (False, None, 0))


class RefusedKey(Apps):
    def test_an_endpoint_that_refuses_the_proxys_key_is_an_alert(self):
        key = artefacts.new_key()
        config = self.config({"name": "weu", "url": self.weu.url, "auth": "keys", "keys": {"function": key}},
                             {"name": "neu", "url": self.neu.url}, clients={"anonymous": True})
        proxy = self.proxy(config)
        proxy.wait_for_status("weu", "Online")
        self.weu.answer = Answer(401, "")
        proxy.get("/api/anything")
        alert = wait_until(lambda: self.alerts(proxy, "endpoint_key_refused"), what="the alert")[0]
        self.assertEqual(alert["endpoint"], "weu")
        self.assertNotIn(key, json.dumps(proxy.status()))


if __name__ == "__main__":
    unittest.main()
