"""Real clients: Microsoft's DurableClient (npm durable-functions) before the stand-in app and through
the proxy, and Microsoft's in-memory engine (npm @microsoft/durabletask-js) as a backend behind it.

    UNDERSTUDY_BIN=build/release/bin python3 -B -m unittest discover -s tests/clients -v

The packages are installed into build/clients by the first run; no lock file is kept, for it would
name the registry of whoever made it.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import support
from support import EndToEnd, executable, request, wait_until

MODULES = support.ROOT / "build" / "clients"
HUB = "Orders"


def setUpModule():
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise unittest.SkipTest("npm and node are not installed")
    wanted = (HERE / "package.json").read_text()
    stamp = MODULES / "installed.json"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    MODULES.mkdir(parents=True, exist_ok=True)
    (MODULES / "package.json").write_text(wanted)
    done = subprocess.run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"],
                          cwd=MODULES, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"npm install failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    stamp.write_text(wanted)


class RealClients(EndToEnd):
    KEY = ""

    def node(self, script: str, *args: str, ready: str | None = None) -> support.Process:
        return self.process(script, ["node", str(HERE / script), *map(str, args)], ready,
                            env={"NODE_PATH": str(MODULES / "node_modules")})

    def client(self, url: str, *story: str, wait: bool = True) -> support.Process:
        """Tells the client a story; by default to its end, which must be a good one."""
        key = ["--key", self.KEY] if self.KEY else []
        told = self.node("durable_client.mjs", "--base", url, "--hub", HUB, *key, *story)
        if wait:
            self.ends_well(told)
        return told

    def ends_well(self, told: support.Process):
        code = told.wait(120)
        steps = self.steps(told)
        bad = [step for step in steps if not step["ok"]]
        self.assertEqual((code, bad), (0, []), told.text)
        self.assertTrue(steps, told.text)

    @staticmethod
    def steps(told: support.Process) -> list[dict]:
        return [json.loads(line) for line in told.lines if line.startswith("{")]

    def function_app(self, name: str, storage: support.Process, port: int = 0, *more: str) -> support.Process:
        port = port or support.free_port()
        started = self.process("understudy-app", [
            executable("understudy-app"), "--listen", f"127.0.0.1:{port}", "--storage", storage.url,
            "--name", name, "--hub", HUB, "--lease-seconds", "1", *more], r"listening on")
        started.url, started.port = f"http://127.0.0.1:{port}", port
        return started

    def proxy_before(self, *endpoints, **durable) -> support.Proxy:
        """Endpoints: dicts, or processes with a label and a url."""
        config = self.config(*(e if isinstance(e, dict) else {"name": e.label, "url": e.url} for e in endpoints),
                             durable={"task_hub": "shared", "ledger": {"mode": "off"}, **durable})
        config["probe"]["path"] = "/api/health"
        running = self.proxy(config)
        wait_until(lambda: all(e["monitorStatus"] == "Online" for e in running.status()["endpoints"]), what="online")
        return running


class Direct(RealClients):
    def test_every_call_of_the_client_works_on_the_stand_in_app(self):
        app = self.function_app("only", self.storage())
        self.client(app.url, "whole")

    def test_the_interface_for_a_worker_on_the_same_machine_works_too(self):
        app = self.function_app("only", self.storage())
        self.client(app.url, "--rpc", "whole")


class DirectWithKeys(RealClients):
    KEY = "system-key-of-a-test"

    def test_the_urls_that_the_host_hands_out_open_the_app_and_others_do_not(self):
        app = self.function_app("only", self.storage(), 0, "--key", self.KEY, "--answer-coding", "gzip",
                                "--chunked-answers")
        self.client(app.url, "whole")
        told = self.node("durable_client.mjs", "--base", app.url, "--hub", HUB, "begin", "locked-out")
        self.assertEqual(told.wait(60), 1)
        self.assertIn("status code: 401", told.text)


class AppThatKnowsOnlyItsOwnName(RealClients):
    """Its answers lead to its own host, as they do when it stands behind a front end."""

    NAME = "orders-weu.example.net"
    OPTIONS = ["--own-host", NAME, "--affinity-cookie"]

    def front_end(self, app: support.Process) -> dict:
        """The endpoint behind a platform's front end, which serves that one host name."""
        gateway = self.process("understudy-gateway", [executable("understudy-gateway"), "--listen", "127.0.0.1:0",
                               "--app", app.url, "--host", self.NAME], r"listening on (\S+)")
        return {"name": "primary", "url": f"http://{gateway.ready[1]}", "host": "explicit", "host_value": self.NAME}

    def test_its_urls_lead_past_whoever_is_in_front_of_it(self):
        app = self.function_app("only", self.storage(), 0, *self.OPTIONS)
        told = self.node("durable_client.mjs", "--base", app.url, "--hub", HUB, "whole")
        self.assertEqual(told.wait(120), 1)
        bad = [step for step in self.steps(told) if not step["ok"]]
        self.assertEqual([step["step"] for step in bad], ["restart"], told.text)
        self.assertIn("leads elsewhere", bad[0]["error"])

    def test_through_the_proxy_they_lead_back_to_it_coded_and_chunked_or_not(self):
        storage = self.storage()
        for more in [], ["--chunked-answers", "--answer-coding", "gzip"], ["--answer-coding", "deflate"]:
            with self.subTest(" ".join(more)):
                app = self.function_app("primary", storage, 0, *self.OPTIONS, *more)
                running = self.proxy_before(self.front_end(app))
                self.client(running.url, "whole")
                answer = running.get("/api/health")
                self.assertTrue(answer.headers.get_all("Set-Cookie"))
                self.assertNotIn(self.NAME, str(answer.headers))


class Failover(RealClients):
    def setUp(self):
        super().setUp()
        self.storage_account = self.storage()
        self.primary = self.function_app("primary", self.storage_account)
        self.secondary = self.function_app("secondary", self.storage_account)
        self.primary.label, self.secondary.label = "primary", "secondary"
        self.running = self.proxy_before(self.primary, self.secondary)

    def test_every_call_works_before_during_and_after_an_outage_of_the_primary(self):
        self.client(self.running.url, "whole")
        self.client(self.running.url, "begin", "outlives")
        self.primary.kill()
        self.client(self.running.url, "finish", "outlives")  # at once: nobody waits for a probe
        self.client(self.running.url, "whole")
        self.client(self.running.url, "begin", "of-the-secondary")
        self.running.wait_for_active("secondary")

        again = self.function_app("primary", self.storage_account, self.primary.port)
        self.running.wait_for_active("primary", 30)
        self.client(self.running.url, "seen", "outlives")
        self.client(self.running.url, "finish", "of-the-secondary")
        self.client(self.running.url, "whole")
        self.assertGreater(json.loads(request("GET", again.url + "/_control/statistics").body)["requests"], 0)

    def test_a_client_that_polls_through_the_crash_sees_only_its_instance(self):
        api = self.running.url + "/runtime/webhooks/durabletask"
        plan = {"steps": [{"waitForEvent": "Go"}] + 6 * [{"activity": "Pay", "milliseconds": 200}]}
        self.assertEqual(request("POST", f"{api}/orchestrators/Hello/watched", plan).status, 202)
        watch = self.client(self.running.url, "watch", "watched", wait=False)
        watch.wait_line(r'"step":"watching"', 60)
        self.assertEqual(request("POST", f"{api}/instances/watched/raiseEvent/Go", {}).status, 202)
        steps = lambda: (request("GET", f"{api}/instances/watched").json()["customStatus"] or {}).get("step", 0)
        wait_until(lambda: steps() >= 2, what="the second step")
        self.primary.kill()
        self.ends_well(watch)
        polls = request("GET", self.secondary.url + "/_control/statistics").json()["requests"]
        self.assertGreater(polls, 3)

    def test_clients_at_the_same_time_do_not_mix(self):
        told = [self.client(self.running.url, "--without", "purge-many", "whole", wait=False) for _ in range(3)]
        for one in told:
            self.ends_well(one)


class EngineBehindTheProxy(RealClients):
    """A backend whose engine is Microsoft's: what the proxy does must not depend on our stand-in."""

    def engine(self, label: str) -> support.Process:
        started = self.node("engine_backend.mjs", ready=r"listening on (\S+)")
        started.url, started.label = f"http://{started.ready[1]}", label
        return started

    def test_every_call_that_the_engine_knows_works_without_the_proxy(self):
        self.client(self.engine("only").url, "--without", "entities", "whole")

    def test_every_call_that_the_engine_knows_works_through_the_proxy(self):
        running = self.proxy_before(self.engine("primary"), self.engine("secondary"),
                                    task_hub="per_region", merged_purge=True)
        self.client(running.url, "--without", "entities", "whole")
        self.client(running.url, "begin", "waits")
        self.client(running.url, "finish", "waits")


if __name__ == "__main__":
    unittest.main()
