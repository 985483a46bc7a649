"""Faults that the proxy plays in its own upstream leg (`faults.allow`), as a rehearsal on a running proxy uses them."""

import http.client
import json
import os
import sys
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import certificates
from support import Answer, EndToEnd, executable, request, understudy, wait_until


class Faults(EndToEnd):
    def rehearsed(self, *endpoints, **changes):
        config = self.config(*endpoints, faults={"allow": True}, **changes)
        proxy = self.proxy(config)
        wait_until(lambda: all(e["monitorStatus"] == "Online" for e in proxy.status()["endpoints"]), what="all online")
        return proxy

    def fault(self, proxy, endpoint: str, expected: int = 200, **values) -> str:
        query = urllib.parse.urlencode({"endpoint": endpoint, "for": "10s", **values})
        answer = request("POST", f"{proxy.admin}/api/faults?{query}")
        self.assertEqual(answer.status, expected, answer.text)
        return answer.text

    def heal(self, proxy, endpoint: str):
        answer = request("POST", f"{proxy.admin}/api/faults/heal?endpoint={endpoint}")
        self.assertEqual(answer.status, 200, answer.text)

    def alerts(self, proxy) -> list[str]:
        return [f"{alert['kind']} {alert['endpoint']}" for alert in proxy.status()["alerts"]]

    def test_a_blackhole_fails_over_and_ends_by_itself(self):
        primary, secondary = self.stand_in("primary"), self.stand_in("secondary")
        proxy = self.rehearsed(primary, secondary)
        self.assertEqual(proxy.get("/").text, "primary")
        seen = len(primary.requests)
        self.fault(proxy, "primary", mode="blackhole", **{"for": "3s"})
        began = time.monotonic()
        self.assertIn("fault_injected primary", self.alerts(proxy))
        self.assertIn("blackhole", proxy.endpoint("primary")["fault"])
        self.assertEqual(proxy.metric("understudy_fault_active", endpoint="primary"), 1)
        proxy.wait_for_active("secondary")
        self.assertEqual(proxy.get("/").text, "secondary")
        self.assertEqual(len(primary.requests), seen, "nothing reached the primary")
        proxy.wait_for_active("primary", 20)
        self.assertGreaterEqual(time.monotonic() - began, 3)
        self.assertEqual(proxy.get("/").text, "primary")
        self.assertNotIn("fault_injected primary", self.alerts(proxy))
        self.assertIsNone(proxy.endpoint("primary")["fault"])
        self.assertEqual(proxy.metric("understudy_faults_injected_total", endpoint="primary", mode="blackhole"), 1)
        said = [event["text"] for event in proxy.events() if "fault at primary" in event["text"]]
        self.assertTrue(any("blackhole" in text for text in said) and any("ended" in text for text in said), said)

    def test_a_fault_that_is_renewed_stays_and_counts_once(self):
        primary, secondary = self.stand_in("primary"), self.stand_in("secondary")
        proxy = self.rehearsed(primary, secondary)
        until = time.monotonic() + 2.5
        while time.monotonic() < until:  # each lasts for less than the whole
            self.fault(proxy, "primary", mode="refuse", **{"for": "1s"})
            self.assertIn("fault_injected primary", self.alerts(proxy))
            time.sleep(0.2)
        self.assertEqual(proxy.metric("understudy_faults_injected_total", endpoint="primary"), 1)
        self.heal(proxy, "primary")
        self.assertEqual(self.alerts(proxy), [])
        proxy.wait_for_active("primary", 20)

    def test_times_are_not_counted_again_by_a_renewal(self):
        primary = self.stand_in("primary")
        proxy = self.rehearsed(primary)
        for _ in range(3):
            self.fault(proxy, "primary", mode="answer", status=418, path="/brew", times=1)
            status = proxy.get("/brew").status
            self.assertIn(status, (200, 418))
        self.assertEqual([path for _, path, _, _ in primary.requests].count("/brew"), 2)

    def test_what_is_not_allowed_or_not_sensible_is_refused_with_words(self):
        primary = self.stand_in("primary")
        proxy = self.proxy(self.config(primary))
        self.assertIn("faults.allow", self.fault(proxy, "primary", 409, mode="refuse"))
        self.assertNotIn("understudy_fault", proxy.metrics())
        proxy = self.rehearsed(primary)
        self.assertIn("nobody", self.fault(proxy, "nobody", 404, mode="refuse"))
        for values, words in (({"for": "2m"}, "60s"), ({"for": ""}, "for"), ({"for": "0s"}, "60s"),
                              ({"mode": "explode"}, "blackhole"), ({"delay": "3"}, "3s"), ({"tea": "1"}, "tea")):
            wrong = self.fault(proxy, "primary", 409 if values.get("for") in ("2m", "0s") else 400, **values)
            self.assertIn(words, wrong, values)
        self.assertEqual(self.alerts(proxy), [])
        self.assertEqual(proxy.get("/").text, "primary")
        checked = understudy("validate", str(self.write_config(self.config(primary, faults={"allow": True}), "f.json")))
        self.assertIn("faults.allow", checked.out + checked.err)
        self.assertEqual(checked.code, 0, checked.out + checked.err)

    def test_an_endpoint_behind_tls_is_led_through_as_it_is(self):
        primary, secondary = self.stand_in("primary"), self.stand_in("secondary")
        authority = certificates.Authority(self.folder, "authority")
        link = self.tls_front(primary, authority.issue("front", "DNS:localhost"))
        proxy = self.rehearsed({"name": "primary", "url": f"https://localhost:{link}", "tls": {"ca": str(authority.ca)}},
                               secondary)
        self.assertEqual(proxy.get("/").text, "primary")
        self.assertIn("TLS", self.fault(proxy, "primary", 409, mode="answer"))
        self.fault(proxy, "primary", mode="reset")
        proxy.wait_for_active("secondary")
        self.assertEqual(proxy.get("/").text, "secondary")
        self.heal(proxy, "primary")
        proxy.wait_for_active("primary", 20)
        self.assertEqual(proxy.get("/").text, "primary")

    def tls_front(self, stand_in, files) -> int:
        front = self.process("understudy-link", [
            executable("understudy-link"), "--listen", "127.0.0.1:0", "--to", f"127.0.0.1:{stand_in.port}",
            "--tls-certificate", files[0], "--tls-key", files[1]], r"^listening on \S+:(?P<port>\d+)$")
        return int(front.ready["port"])

    def test_answers_take_the_place_of_the_endpoints_and_probes_see_them_too(self):
        primary, secondary = self.stand_in("primary"), self.stand_in("secondary")
        proxy = self.rehearsed(primary, secondary)
        self.fault(proxy, "primary", mode="answer", status=403)
        proxy.wait_for_status("primary", "Degraded")
        self.assertEqual(proxy.get("/").text, "secondary")
        self.heal(proxy, "primary")
        proxy.wait_for_active("primary", 20)

    def test_a_reload_that_removes_the_endpoint_ends_its_fault_and_cuts_no_request(self):
        primary, secondary = self.stand_in("primary"), self.stand_in("secondary")
        config = self.config(primary, secondary, faults={"allow": True})
        path = self.write_config(config)
        proxy = self.proxy(path)
        proxy.wait_for_active("primary")
        entered, go = threading.Event(), threading.Event()

        def slow(_):
            entered.set()
            go.wait(20)
            return Answer()

        primary.answer = slow
        got = []
        asking = threading.Thread(target=lambda: got.append(proxy.post("/slow", "once", timeout=30).text))
        asking.start()
        self.assertTrue(entered.wait(10))
        self.fault(proxy, "primary", delay="10ms")
        config["endpoints"] = [e for e in config["endpoints"] if e["name"] != "primary"]
        self.write_config(config)
        self.assertEqual(request("POST", proxy.admin + "/api/reload").status, 200)
        wait_until(lambda: "fault_injected primary" not in self.alerts(proxy), what="the fault ended")
        self.assertEqual(proxy.get("/").text, "secondary")
        go.set()
        asking.join(20)
        self.assertEqual(got, ["primary"])

    def test_a_drain_does_not_wait_for_a_blackhole(self):
        primary = self.stand_in("primary")
        proxy = self.rehearsed(primary)
        kept = http.client.HTTPConnection("127.0.0.1", int(proxy.url.rsplit(":", 1)[1]), timeout=20)
        self.addCleanup(kept.close)
        self.fault(proxy, "primary", mode="blackhole", **{"for": "60s"})
        kept.request("GET", "/late")
        wait_until(lambda: proxy.endpoint("primary")["inFlight"] > 0, what="the request is under way")
        proxy.terminate()
        self.assertEqual(kept.getresponse().read(), b"primary", "the fault ended with the drain")
        self.assertEqual(proxy.wait(), 0)

    def test_a_thousand_requests_through_a_slow_leg_all_arrive(self):
        primary = self.stand_in("primary")
        proxy = self.rehearsed(primary)
        self.fault(proxy, "primary", delay="5ms", jitter="5ms")
        wrong = []

        def client(number):
            for i in range(50):
                answer = proxy.post(f"/{number}/{i}", "x" * 1000)
                if answer.text != "primary":
                    wrong.append(answer.status)

        clients = [threading.Thread(target=client, args=(n,)) for n in range(20)]
        for one in clients:
            one.start()
        for one in clients:
            one.join(60)
        self.assertEqual(wrong, [])
        self.assertEqual(len(primary.requests), 1000)

    # --- a rehearsal on a running proxy ---

    def scenario(self, fault: dict):
        path = self.folder / "attached.json"
        path.write_text(json.dumps({
            "scenario": "attached", "title": "On a running proxy", "about": "Real endpoints.",
            # Only their names count here: what runs behind the proxy is what it is.
            "topology": {"task_hub": "none", "endpoints": [{"name": "primary", "stand_in": {}},
                                                           {"name": "secondary", "stand_in": {}}]},
            "objectives": {"http_rto": "10s"}, "steady": {"for": "500ms"}, "limit": "60s",
            "load": {"rate": 20, "mix": {"get": 100, "start": 0}},
            "steps": [{**fault, "target": "primary"},
                      {"wait_until": {"active": "secondary"}, "within": "10s"},
                      {"heal": "primary"},
                      {"wait_until": {"active": "primary"}, "within": "20s"}]}))
        return path

    def attach(self, proxy, scenario, *args):
        executable("understudy-rehearse")
        return understudy("rehearse", str(scenario), "--attach", proxy.admin, "--target", proxy.url, "--i-mean-it", "--max-error-rate", "90%",
                          "--plain", "--report", str(self.folder / "report"), *args, timeout=90)

    def test_a_rehearsal_attaches_breaks_the_way_and_heals_it(self):
        primary, secondary = self.stand_in("primary"), self.stand_in("secondary")
        proxy = self.rehearsed(primary, secondary)
        for fault in ({"fault": "freeze"}, {"fault": "kill"}, {"fault": "answer", "status": 503}):
            done = self.attach(proxy, self.scenario(fault))
            self.assertEqual(done.code, 0, done.out + done.err)
            self.assertEqual(self.alerts(proxy), [], fault)
        counted = {mode: proxy.metric("understudy_faults_injected_total", endpoint="primary", mode=mode)
                   for mode in ("blackhole", "refuse", "answer")}
        self.assertEqual(counted, {"blackhole": 1, "refuse": 1, "answer": 1})

    def test_a_rehearsal_is_told_what_it_may_not_play(self):
        primary, secondary = self.stand_in("primary"), self.stand_in("secondary")
        proxy = self.proxy(self.config(primary, secondary))
        wait_until(lambda: proxy.endpoint("secondary")["monitorStatus"] == "Online", what="online")
        refused = self.attach(proxy, self.scenario({"fault": "freeze"}))
        self.assertNotEqual(refused.code, 0)
        self.assertIn("faults.allow", refused.out + refused.err)

    def test_a_rehearsal_that_is_killed_is_healed_by_the_proxy(self):
        primary, secondary = self.stand_in("primary"), self.stand_in("secondary")
        proxy = self.rehearsed(primary, secondary)
        scenario = self.scenario({"fault": "freeze"})
        text = json.loads(scenario.read_text())
        text["steps"][2:2] = [{"wait_until": {"since_fault": "30s"}, "within": "40s"}]
        scenario.write_text(json.dumps(text))
        rehearsal = self.process("understudy-rehearse", [
            executable("understudy-rehearse"), str(scenario), "--attach", proxy.admin, "--target", proxy.url,
            "--i-mean-it", "--max-error-rate", "90%", "--plain", "--report", str(self.folder / "report")])
        proxy.wait_for_active("secondary", 30)
        rehearsal.kill()
        self.assertIn("fault_injected primary", self.alerts(proxy))
        proxy.wait_for_active("primary", 30)
        self.assertEqual(self.alerts(proxy), [])


if __name__ == "__main__":
    unittest.main()
