"""What an operator meets: the verbs, their exit codes and JSON, signals, reload, the admin listener."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
from support import EndToEnd, Process, executable, request, understudy, wait_until

GOOD = {
    "listen": [{"address": "127.0.0.1:0"}],
    "durable": {"task_hub": "shared"},
    "endpoints": [{"name": "primary", "url": "http://127.0.0.1:7071", "priority": 1},
                  {"name": "secondary", "url": "http://127.0.0.1:7072", "priority": 2}],
}


class Verbs(EndToEnd):
    """Nothing is started here."""

    def test_version_is_printed_as_text_and_json(self):
        self.assertRegex(understudy("version").out, r"^understudy \d+\.\d+\.\d+\n$")
        self.assertRegex(understudy("version", "--json").json()["version"], r"^\d+\.\d+\.\d+$")
        self.assertEqual(understudy("--version").out, understudy("version").out)

    def test_a_misspelt_verb_is_bad_input_and_gets_a_suggestion(self):
        done = understudy("statsu")
        self.assertEqual(done.code, 2)
        self.assertIn('did you mean "status"?', done.err)

    def test_help_of_each_verb_ends_with_zero(self):
        for verb in ("run", "validate", "explain", "status", "events", "enable", "disable", "drain", "hold", "release",
                     "failback", "reload", "makeprimary", "keys", "version"):
            with self.subTest(verb):
                done = understudy(verb, "--help")
                self.assertEqual(done.code, 0, done.err)
                self.assertIn("understudy " + verb, done.out)

    def test_validate_says_that_a_good_file_is_fine(self):
        done = understudy("validate", self.write_config(GOOD))
        self.assertEqual(done.code, 0, done.out + done.err)
        self.assertIn("fine, 2 endpoints", done.out)

    def test_validate_lists_every_problem_with_its_position(self):
        bad = self.write_config('{\n  "endpoints": [\n    {"name": "a", "url": "ftp://x", "priority": 1},\n'
                                '    {"name": "a", "url": "http://b", "priority": 1}\n  ],\n  "stickyness": {}\n}\n')
        done = understudy("validate", bad)
        self.assertEqual(done.code, 2)
        self.assertRegex(done.out, r"understudy\.json:3:\d+: error: endpoints\[0\]\.url")
        self.assertRegex(done.out, r'did you mean "stickiness"')
        self.assertGreaterEqual(done.out.count(": error: "), 3)

    def test_validate_json_holds_the_same_issues(self):
        bad = self.write_config('{"endpointz": []}')
        done = understudy("validate", bad, "--json")
        self.assertEqual(done.code, 2)
        self.assertFalse(done.json()["ok"])
        self.assertTrue(any("endpointz" in issue["path"] for issue in done.json()["issues"]), done.out)

    def test_a_missing_file_is_bad_input(self):
        done = understudy("validate", self.folder / "absent.json")
        self.assertEqual(done.code, 2)
        self.assertIn("absent.json", done.out + done.err)

    def test_a_secret_is_never_printed(self):
        config = {**GOOD, "endpoints": [{**GOOD["endpoints"][0], "keys": {"durable": "${THE_KEY}"}},
                                        GOOD["endpoints"][1]], "clients": {"anonymous": True}}
        path = self.write_config(config)
        for verb in (["validate", path], ["explain", path], ["explain", path, "--json"], ["validate", path, "--json"]):
            done = understudy(*verb, env={"THE_KEY": "hunter2-secret"})
            self.assertNotIn("hunter2", done.out + done.err)

    def test_explain_prints_values_and_worst_case_times(self):
        done = understudy("explain", self.write_config(GOOD))
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("stickiness.ttl", done.out)
        self.assertRegex(done.out, r"(?i)failover")
        self.assertIsInstance(understudy("explain", self.write_config(GOOD), "--json").json(), dict)

    def test_explain_needs_no_file(self):
        done = understudy("explain", "--primary", "https://a.example", "--secondary", "https://b.example")
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("azure", done.out)

    def test_probing_tells_each_endpoints_result_and_fails_when_one_does(self):
        up = self.stand_in("up")
        down = f"http://127.0.0.1:{support.free_port()}"
        config = self.write_config(self.config(up, {"name": "down", "url": down}))
        done = understudy("validate", config, "--probe", "--json")
        self.assertEqual(done.code, 1, done.out)
        self.assertEqual([p["passed"] for p in done.json()["probes"]], [True, False])
        text = understudy("validate", config, "--probe")
        self.assertEqual(text.code, 1)
        self.assertIn("probe down", text.out)
        config = self.write_config(self.config(up))
        self.assertEqual(understudy("validate", config, "--probe").code, 0)

    def test_an_operator_verb_without_a_proxy_is_inconclusive_and_says_what_to_do(self):
        nowhere = f"127.0.0.1:{support.free_port()}"
        for verb in (["status"], ["events"], ["drain", "primary"], ["hold"]):
            with self.subTest(verb[0]):
                done = understudy(*verb, "--admin", nowhere)
                self.assertEqual(done.code, 3)
                self.assertIn("Is it running?", done.err)
        done = understudy("status", "--admin", nowhere, "--json")
        self.assertIn("no proxy answers", done.json()["error"])

    def test_run_refuses_a_bad_file_and_starts_nothing(self):
        done = understudy("run", self.write_config('{"endpoints": 3}'))
        self.assertEqual(done.code, 2)
        self.assertIn("nothing was started", done.err)


class Running(EndToEnd):
    def setUp(self):
        super().setUp()
        self.primary, self.secondary = self.stand_in("primary"), self.stand_in("secondary")

    def start(self, **changes):
        proxy = self.proxy(self.config(self.primary, self.secondary, **changes))
        wait_until(lambda: all(e["monitorStatus"] == "Online" for e in proxy.status()["endpoints"]), what="online")
        return proxy

    def operate(self, proxy, *verb):
        return understudy(*verb, "--admin", proxy.admin)

    def test_urls_alone_are_enough_to_run(self):
        proxy = self.proxy(["--primary", self.primary.url, "--secondary", self.secondary.url,
                            "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        self.assertEqual(proxy.get("/").text, "primary")
        self.assertEqual(proxy.status()["profile"], "default")

    def test_the_ready_line_can_be_json(self):
        config = self.write_config(self.config(self.primary, self.secondary))
        process = self.process("understudy", [executable("understudy"), "run", str(config), "--json"], r'"ready":true')
        ready = json.loads(next(line for line in process.lines if '"ready"' in line))
        self.assertEqual(request("GET", ready["listen"][0] + "/").text, "primary")
        self.assertEqual(request("GET", ready["admin"] + "/healthz").status, 200)

    def test_status_shows_the_endpoints_as_text_and_json(self):
        proxy = self.start()
        done = self.operate(proxy, "status")
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("active: primary", done.out)
        self.assertNotIn("\033[", done.out, "no colours: this is not a terminal")
        status = self.operate(proxy, "status", "--json").json()
        self.assertEqual(status["active"]["endpoint"], "primary")
        self.assertEqual(status["endpoints"][0]["lastProbe"]["passed"], True)
        self.assertGreater(status["bounds"]["failoverSeconds"], 0)

    def test_a_drained_endpoint_gets_no_new_requests_until_it_is_undone(self):
        proxy = self.start()
        done = self.operate(proxy, "drain", "primary")
        self.assertEqual(done.code, 0, done.err)
        self.assertEqual(proxy.get("/").text, "secondary")
        self.assertEqual(self.operate(proxy, "drain", "primary", "--undo").code, 0)
        proxy.wait_for_active("primary")
        self.assertEqual(proxy.get("/").text, "primary")

    def test_a_disabled_endpoint_is_out_until_it_is_enabled(self):
        proxy = self.start()
        self.assertEqual(self.operate(proxy, "disable", "primary").code, 0)
        self.assertEqual(proxy.get("/").text, "secondary")
        self.assertEqual(proxy.endpoint("primary")["monitorStatus"], "Disabled")
        self.assertEqual(self.operate(proxy, "enable", "primary").code, 0)
        proxy.wait_for_active("primary")

    def test_an_unknown_name_is_bad_input_and_lists_the_names(self):
        done = self.operate(self.start(), "drain", "pirmary")
        self.assertEqual(done.code, 2)
        self.assertIn('did you mean "primary"?', done.err)
        self.assertIn("primary, secondary", done.err)

    def test_a_hold_keeps_traffic_on_the_secondary_until_it_is_released(self):
        proxy = self.start()
        self.primary.stop()
        proxy.wait_for_active("secondary")
        self.assertEqual(self.operate(proxy, "hold", "--for", "10m").code, 0)
        self.primary.start()
        proxy.wait_for_status("primary", "Online")
        time.sleep(0.6)  # twice healthy_for: without the hold it would be back
        self.assertEqual(proxy.status()["active"]["endpoint"], "secondary")
        self.assertIsNotNone(proxy.status()["hold"]["until"])
        self.assertEqual(self.operate(proxy, "release").code, 0)
        proxy.wait_for_active("primary")

    def test_failback_by_command_does_not_wait(self):
        proxy = self.start(failback={"mode": "manual"})
        self.primary.stop()
        proxy.wait_for_active("secondary")
        self.primary.start()
        proxy.wait_for_status("primary", "Online")
        self.assertEqual(proxy.status()["failback"]["waitingFor"], "primary")
        self.assertEqual(self.operate(proxy, "failback").code, 0)
        self.assertEqual(proxy.get("/").text, "primary")
        refused = self.operate(proxy, "failback")
        self.assertEqual(refused.code, 1)
        self.assertIn("active already", refused.err)

    def test_events_tell_the_story_of_a_failover(self):
        proxy = self.start()
        self.primary.stop()
        proxy.wait_for_active("secondary")
        text = self.operate(proxy, "events").out
        self.assertIn("primary: Online -> Degraded", text)
        self.assertIn("failover: primary -> secondary", text)
        self.assertGreater(proxy.status()["last"]["failoverSeconds"], 0)
        self.assertEqual(proxy.metric("understudy_transitions_total", kind="failover"), 1)
        self.assertEqual(proxy.metric("understudy_active_endpoint", endpoint="secondary"), 1)

    def test_watching_prints_a_line_per_change_and_ends_with_130(self):
        proxy = self.start()
        watcher = self.process("status --watch", [executable("understudy"), "status", "--watch", "--admin",
                                                  proxy.admin], "active primary;")
        self.primary.stop()
        watcher.wait_line("active secondary;")
        watcher.signal(signal.SIGINT)
        self.assertEqual(watcher.wait(), 130)

    def test_readiness_follows_the_endpoints_and_liveness_does_not(self):
        proxy = self.start()
        self.assertEqual(request("GET", proxy.admin + "/readyz").status, 200)
        self.primary.stop()
        self.secondary.stop()
        wait_until(lambda: request("GET", proxy.admin + "/readyz").status == 503, what="not ready")
        self.assertEqual(request("GET", proxy.admin + "/healthz").status, 200)
        self.assertEqual(self.operate(proxy, "status").code, 1)
        self.assertIn("all_degraded", [a["kind"] for a in proxy.status()["alerts"]])

    def test_an_endpoint_that_was_never_online_is_an_alert_about_its_probe(self):
        self.secondary.health = support.Answer(404)
        proxy = self.proxy(self.config(self.primary, self.secondary))
        alert = wait_until(lambda: proxy.status()["alerts"], what="an alert")[0]
        self.assertEqual((alert["kind"], alert["endpoint"]), ("never_online", "secondary"))
        self.assertEqual(proxy.metric("understudy_alerts_total", kind="never_online"), 1)

    def test_metrics_please_promtool(self):
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed (Debian package prometheus)")
        proxy = self.start()
        proxy.get("/")
        self.primary.stop()
        proxy.wait_for_active("secondary")
        proxy.get("/")
        done = subprocess.run(["promtool", "check", "metrics"], input=proxy.metrics(), text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_requests_are_counted_and_logged_without_their_query(self):
        proxy = self.start()
        proxy.get("/some/path?code=hunter2-secret")
        proxy.wait_line(r'"/some/path" -> 200 primary')
        self.assertNotIn("hunter2", proxy.text)
        self.assertGreaterEqual(proxy.metric("understudy_requests_total", endpoint="primary", code_class="2xx"), 1)
        self.assertNotIn("hunter2", proxy.metrics() + json.dumps(proxy.status()))

    def test_a_foreign_page_cannot_command_the_proxy(self):
        proxy = self.start()
        hostile = request("POST", proxy.admin + "/api/endpoints/primary/disable", headers={"Origin": "http://evil.example"})
        self.assertEqual(hostile.status, 403)
        self.assertEqual(request("GET", proxy.admin + "/api/status", headers={"Host": "evil.example"}).status, 403)
        self.assertEqual(proxy.endpoint("primary")["monitorStatus"], "Online")

    def test_the_status_page_is_served_and_loads_nothing_from_outside(self):
        page = request("GET", self.start().admin + "/")
        self.assertEqual(page.status, 200)
        self.assertNotRegex(page.text, r"https?://")


class Starting(EndToEnd):
    def setUp(self):
        super().setUp()
        self.primary, self.secondary = self.stand_in("primary"), self.stand_in("secondary")

    def test_a_second_proxy_on_the_same_port_is_refused_not_shared(self):
        first = self.proxy(self.config(self.primary, self.secondary))
        port = first.url.rsplit(":", 1)[1]
        done = understudy("run", self.write_config(self.config(self.primary, self.secondary), "second.json"),
                          "--listen", f"127.0.0.1:{port}")
        self.assertEqual(done.code, 2)
        self.assertIn(f"127.0.0.1:{port}", done.err)
        self.assertEqual(first.get("/").text, "primary")

    def test_an_admin_address_in_use_is_named(self):
        first = self.proxy(self.config(self.primary, self.secondary))
        port = first.admin.rsplit(":", 1)[1]
        done = understudy("run", self.write_config(self.config(self.primary, self.secondary), "second.json"),
                          "--admin", f"127.0.0.1:{port}")
        self.assertEqual(done.code, 2)
        self.assertIn(f"admin listener 127.0.0.1:{port}", done.err)

    def test_a_log_file_that_cannot_be_opened_is_named(self):
        config = self.config(self.primary, log={"file": str(self.folder)})
        done = understudy("run", self.write_config(config))
        self.assertEqual(done.code, 2, done.err)
        self.assertIn(str(self.folder), done.err)

    def test_sigterm_lets_a_request_finish_and_ends_with_zero(self):
        self.primary.delay = 0.6
        # A probe that this process answers too late on a busy machine would have the request rescued.
        probe = {"path": "/health", "interval": "30s", "timeout": "20s"}
        proxy = self.proxy(self.config(self.primary, self.secondary, probe=probe))
        answers = []
        import threading
        client = threading.Thread(target=lambda: answers.append(proxy.get("/slow").text))
        client.start()
        wait_until(lambda: self.primary.requests, what="the request to arrive")
        proxy.terminate()
        self.assertEqual(proxy.wait(), 0)
        client.join()
        self.assertEqual(answers, ["primary"])

    def test_a_second_sigint_ends_at_once_with_130(self):
        self.primary.delay = 20
        proxy = self.proxy(self.config(self.primary, self.secondary))
        import threading

        def ask():
            try:
                proxy.get("/slow", timeout=15)
            except OSError:
                pass
            except Exception:  # the answer never comes
                pass

        client = threading.Thread(target=ask, daemon=True)
        client.start()
        wait_until(lambda: self.primary.requests, what="the request to arrive")
        proxy.signal(signal.SIGINT)
        proxy.wait_line("draining")
        proxy.signal(signal.SIGINT)
        self.assertEqual(proxy.wait(5), 130)


class Reloading(EndToEnd):
    def setUp(self):
        super().setUp()
        self.primary, self.secondary = self.stand_in("primary"), self.stand_in("secondary")
        self.path = self.write_config(self.config(self.primary, self.secondary))
        self.running = self.proxy(self.path)
        wait_until(lambda: all(e["monitorStatus"] == "Online" for e in self.running.status()["endpoints"]),
                   what="online")

    def reloads(self, result):
        return self.running.metric("understudy_config_reloads_total", result=result)

    def test_a_bad_file_changes_nothing_and_every_problem_is_logged(self):
        before = self.running.status()["config"]
        self.path.write_text('{"endpoints": [], "lissten": 1}')
        self.running.signal(signal.SIGHUP)
        wait_until(lambda: self.reloads("failed") == 1, what="the failed reload")
        self.running.wait_line("lissten")
        self.running.wait_line("the last good configuration stays")
        self.assertEqual(self.running.get("/").text, "primary")
        self.assertEqual(self.running.status()["config"]["hash"], before["hash"])
        done = understudy("reload", "--admin", self.running.admin)
        self.assertEqual(done.code, 1)
        self.assertIn("lissten", done.err)

    def test_a_good_file_is_taken_over_with_health_and_counters_kept(self):
        self.running.get("/")
        since = self.running.endpoint("primary")["since"]
        changed = self.config(self.primary, self.secondary, stickiness={"ttl": "1s"})
        changed["listen"] = [{"address": "127.0.0.1:0"}]
        self.path.write_text(json.dumps(changed))
        self.running.signal(signal.SIGHUP)
        wait_until(lambda: self.reloads("ok") == 1, what="the reload")
        endpoint = self.running.endpoint("primary")
        self.assertEqual(endpoint["monitorStatus"], "Online", "no new CheckingEndpoint phase")
        self.assertEqual(endpoint["since"][:19], since[:19])
        self.assertGreaterEqual(endpoint["traffic"]["requests"], 1)
        self.assertEqual(self.running.get("/").text, "primary", "the listener on port 0 stays where it is")

    def test_the_effective_settings_are_served_without_secrets_and_follow_a_reload(self):
        def served() -> dict:
            answer = request("GET", self.running.admin + "/api/config")
            self.assertNotIn("hunter2", answer.text)
            return {s["path"]: s["value"] for s in answer.json()["settings"]}

        self.assertNotEqual(served()["stickiness.ttl"], "47s")
        changed = self.config(self.primary, self.secondary, stickiness={"ttl": "47s"}, clients={"keys": ["hunter2-hunter2-hunter2"]})
        self.path.write_text(json.dumps(changed))
        self.running.signal(signal.SIGHUP)
        wait_until(lambda: self.reloads("ok") == 1, what="the reload")
        self.assertEqual(served()["stickiness.ttl"], "47s")

    def test_swapped_priorities_move_traffic_by_reload(self):
        self.path.write_text(json.dumps(self.config(self.secondary, self.primary)))
        done = understudy("reload", "--admin", self.running.admin)
        self.assertEqual(done.code, 0, done.err)
        self.assertEqual(self.running.get("/").text, "secondary")

    def test_a_changed_endpoint_keeps_its_counters(self):
        for _ in range(3):
            self.running.get("/")
        changed = self.config({"name": "primary", "url": self.primary.url, "region": "west"}, self.secondary)
        self.path.write_text(json.dumps(changed))
        self.assertEqual(understudy("reload", "--admin", self.running.admin).code, 0)
        self.running.get("/")
        self.assertEqual(self.running.endpoint("primary")["region"], "west")
        wait_until(lambda: self.running.endpoint("primary")["traffic"]["requests"] == 4, what="four requests in sum")

    def test_a_new_admin_address_needs_a_restart_and_says_so(self):
        self.path.write_text(json.dumps(self.config(self.primary, self.secondary,
                                                    admin={"address": f"127.0.0.1:{support.free_port()}"})))
        done = understudy("reload", "--admin", self.running.admin)
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("admin.address needs a restart", done.out)

    def test_a_new_listener_is_opened_and_a_port_in_use_is_refused(self):
        port = support.free_port()
        self.path.write_text(json.dumps(self.config(self.primary, self.secondary,
                                                    listen=[{"address": f"127.0.0.1:{port}"}])))
        self.assertEqual(understudy("reload", "--admin", self.running.admin).code, 0)
        self.assertEqual(wait_until(lambda: request("GET", f"http://127.0.0.1:{port}/").text, what="an answer"),
                         "primary")
        taken = self.primary.port
        self.path.write_text(json.dumps(self.config(self.primary, self.secondary,
                                                    listen=[{"address": f"127.0.0.1:{taken}"}])))
        done = understudy("reload", "--admin", self.running.admin)
        self.assertEqual(done.code, 1)
        self.assertIn(str(taken), done.err)
        self.assertEqual(request("GET", f"http://127.0.0.1:{port}/").text, "primary")


class DemoStory(EndToEnd):
    def test_the_demo_plays_its_story_to_the_end(self):
        for name in ("understudy", "understudy-app", "understudy-storage"):
            executable(name)
        done = subprocess.run([sys.executable, str(support.ROOT / "deploy" / "demo.py"), "--auto", "--bin",
                               str(support.BIN)], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("Summary", done.stdout)


if __name__ == "__main__":
    unittest.main()
