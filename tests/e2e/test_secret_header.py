"""The secret header locks the apps to the proxy: they answer it, in everything it does, and nobody else."""

import json
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artefacts
import support
import wire
from support import EndToEnd, executable, free_port, request, wait_until


class Locked(EndToEnd):
    """Two stand-in function apps that let nobody in without their own secrets."""

    def setUp(self):
        super().setUp()
        self.secrets = {name: artefacts.new_key() for name in ("primary", "secondary")}
        self.account = self.storage()
        self.apps = {name: self.locked_app(name) for name in self.secrets}

    def locked_app(self, name: str, port: int = 0):
        port = port or free_port()
        app = self.process("understudy-app", [
            executable("understudy-app"), "--listen", f"127.0.0.1:{port}", "--storage", self.account.url, "--name", name,
            "--hub", "Demo", "--master-key", "of-the-app-" + name, "--key", "of-the-hub-" + name, "--require-header", f"X-Front-Lock={self.secrets[name]}"],
            r"listening on")
        app.url, app.port = f"http://127.0.0.1:{port}", port
        return app

    def locked_config(self, **changes) -> dict:
        endpoints = [{"name": name, "url": app.url, "secret_header": {"name": "x-front-lock", "value": self.secrets[name]},
                      "keys": {"admin": "of-the-app-" + name, "durable": "of-the-hub-" + name}} for name, app in self.apps.items()]
        return self.config(*endpoints, **{
            "clients": {"anonymous": True}, "probe": {"path": "/api/health", "interval": "300ms", "timeout": "250ms",
                                                      "required_passes": 1}, **changes})

    def start(self, **changes):
        proxy = self.proxy(self.locked_config(**changes))
        wait_until(lambda: all(e["monitorStatus"] == "Online" for e in proxy.status()["endpoints"]), what="online")
        return proxy

    def test_a_direct_request_is_refused_and_one_through_the_proxy_is_answered(self):
        proxy = self.start()  # the probes pass
        url = self.apps["primary"].url + "/api/echo"
        self.assertEqual(request("GET", url).status, 403)
        self.assertEqual(request("GET", url, headers={"X-Front-Lock": "guess"}).status, 403)
        self.assertEqual(request("GET", url, headers={"X-Front-Lock": self.secrets["secondary"]}).status, 403)
        for headers in ({}, {"X-Front-Lock": "guess"}, {"X-FRONT-LOCK": self.secrets["secondary"]}):
            answer = proxy.get("/api/echo", headers)
            self.assertEqual((answer.status, answer.headers["X-Served-By"]), (200, "primary"))

    def test_the_next_endpoint_gets_its_own(self):
        proxy = self.start()
        self.apps["primary"].kill()
        proxy.wait_for_active("secondary")
        answer = proxy.get("/api/echo")
        self.assertEqual((answer.status, answer.headers["X-Served-By"]), (200, "secondary"))

    def test_a_403_of_the_lock_is_no_reason_to_fail_over(self):
        config = self.locked_config(probe={"protocol": "tcp", "interval": "300ms", "timeout": "250ms", "required_passes": 1})
        del config["endpoints"][0]["secret_header"]
        proxy = self.proxy(config)
        wait_until(lambda: all(e["monitorStatus"] == "Online" for e in proxy.status()["endpoints"]), what="online")
        for _ in range(30):
            self.assertEqual(proxy.get("/api/echo").status, 403)
        self.assertEqual(proxy.status()["active"]["endpoint"], "primary")

    def test_starts_look_ups_and_the_lists_of_both_regions_pass_the_lock(self):
        proxy = self.start(durable={"task_hub": "per_region", "ledger": {"mode": "memory"}})
        started = proxy.post("/runtime/webhooks/durabletask/orchestrators/Hello", {})
        self.assertEqual(started.status, 202)
        instance = started.json()["id"]
        path = "/runtime/webhooks/durabletask/instances"
        wait_until(lambda: proxy.get(f"{path}/{instance}").status == 200, 15, "the orchestration to complete")
        self.assertEqual(proxy.get(f"{path}/never-seen").status, 404)  # asked of both
        listed = proxy.get(path)
        self.assertEqual(listed.status, 200)
        self.assertIn(instance, [each["instanceId"] for each in listed.json()])

    def test_verbs_pass_the_lock(self):
        path = self.write_config(self.locked_config())
        done = support.understudy("keys", "diff", str(path), "--from", "primary", "--to", "secondary", "--functions", "echo")
        self.assertIn(done.code, (0, 1), done.err)  # both were read
        done = support.understudy("validate", "--probe", str(path))
        self.assertEqual(done.code, 0, done.out + done.err)

    def test_a_rotated_secret_is_read_again(self):
        secret = self.folder / "lock"
        secret.write_text(self.secrets["primary"] + "\n")
        config = self.locked_config()
        config["endpoints"][0]["secret_header"]["value"] = {"file": str(secret)}
        proxy = self.proxy(config)
        proxy.wait_for_status("primary", "Online")
        self.assertEqual(proxy.get("/api/echo").headers["X-Served-By"], "primary")
        port = self.apps["primary"].port
        self.apps["primary"].kill()
        self.secrets["primary"] = artefacts.new_key()
        self.apps["primary"] = self.locked_app("primary", port)
        proxy.wait_for_active("secondary")  # the old secret opens nothing now
        secret.write_text(self.secrets["primary"] + "\n")
        proxy.signal(signal.SIGHUP)
        proxy.wait_for_active("primary")
        wait_until(lambda: proxy.get("/api/echo").headers["X-Served-By"] == "primary", what="the primary")

    def test_no_page_and_no_verb_shows_a_secret(self):
        proxy = self.start()
        proxy.get("/api/echo")
        self.apps["primary"].kill()
        proxy.wait_for_active("secondary")
        path = proxy.args[2]
        said = [request("GET", proxy.admin + page).text for page in ("/api/status", "/api/events", "/api/config", "/metrics", "/")]
        for verb in (("explain",), ("explain", "--json"), ("validate",)):
            done = support.understudy(*verb, path)
            said.append(done.out + done.err)
        said.append(proxy.text)
        self.assertIn("(set)", said[2])
        for secret in self.secrets.values():
            for form in (secret, json.dumps(secret)[1:-1], secret[:16]):
                for text in said:
                    self.assertNotIn(form, text)


class OnTheWire(wire.WireTest):
    def test_no_endpoint_sees_what_a_client_sends_under_any_endpoints_name(self):
        def script(conn):
            heads.append(conn.read_head())
            conn.answer(200)

        heads, secrets = [], [artefacts.new_key(), artefacts.new_key()]
        first, second = self.upstream(script), self.upstream(script)
        endpoints = [{"name": "a", "url": first.url, "secret_header": {"name": "X-Lock-A", "value": secrets[0]}},
                     {"name": "b", "url": second.url, "secret_header": {"name": "X-Lock-B", "value": secrets[1]}}]
        proxy = self.front(first, endpoints=endpoints)
        client = self.client(proxy)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Lock-B: guess\r\nx-lock-a:guess\r\nX-LOCK-A: guess\r\n"
                    b"Connection: X-Lock-A\r\nX-Lock: stays\r\n\r\n")
        self.assertEqual(client.read_answer().status, 200)
        self.assertNotIn(b"guess", heads[0].head)
        self.assertEqual(heads[0].all("X-Lock-A"), [secrets[0]])
        self.assertEqual(heads[0].all("X-Lock-B"), [])
        self.assertEqual(heads[0].all("X-Lock"), ["stays"])

    def test_a_tunnel_is_asked_for_with_the_secret(self):
        def script(conn):
            heads.append(conn.read_head())
            conn.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")

        heads, secret = [], artefacts.new_key()
        upstream = self.upstream(script)
        proxy = self.front(upstream, endpoints=[
            {"name": "a", "url": upstream.url, "secret_header": {"name": "X-Lock-A", "value": secret}}])
        client = self.client(proxy)
        client.send(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        answer = client.read_head()
        self.assertEqual(answer.status, 101)
        self.assertEqual(heads[0].all("X-Lock-A"), [secret])
        self.assertNotIn(secret.encode(), answer.head)


if __name__ == "__main__":
    unittest.main()
