"""The app lease of the stand-in apps and what the proxy concludes about it, side by side: through a crash of the owner,
the failback of HTTP alone, and makeprimary. All documented times are divided by 100."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import EndToEnd, executable, free_port, request, understudy, wait_until

BASE = "/runtime/webhooks/durabletask"
SCALE = 100  # a lease of 600 ms, renewed every 250 ms, tried for every 3 s


class AppLease(EndToEnd):
    def leased_app(self, name: str, storage, port: int = 0):
        port = port or free_port()
        app = self.process("understudy-app", [
            executable("understudy-app"), "--listen", f"127.0.0.1:{port}", "--storage", storage.url, "--name", name,
            "--hub", "Orders", "--app-lease", "--time-scale", str(SCALE), "--lease-seconds", "1"], r"listening on")
        app.url, app.port = f"http://127.0.0.1:{port}", port
        return app

    def owner(self, app) -> str:
        """Who holds the lease, as the storage knows it."""
        state = request("GET", app.url + "/_control/lease").json()
        return state["owner"]

    def concluded(self, proxy) -> tuple:
        lease = proxy.status()["durable"]["lease"]
        return lease["owner"], lease["sure"], lease["split"]

    def complete(self, proxy, name: str, timeout: float = 20):
        answer = proxy.post(f"{BASE}/orchestrators/Order/{name}", {"steps": 1, "stepMilliseconds": 10})
        self.assertEqual(answer.status, 202, answer.text)
        wait_until(lambda: proxy.get(f"{BASE}/instances/{name}").json()["runtimeStatus"] == "Completed", timeout,
                   f"{name} completed")

    def test_the_conclusion_is_what_is_true_after_a_crash_a_failback_and_a_makeprimary(self):
        storage = self.storage()
        weu = self.leased_app("weu", storage)
        wait_until(lambda: self.owner(weu) == "weu", what="the first app has the lease")
        neu = self.leased_app("neu", storage)
        config = self.config({"name": "weu", "url": weu.url}, {"name": "neu", "url": neu.url})
        config["probe"]["path"] = "/api/health"
        proxy = self.proxy(config, "--time-scale", str(SCALE))
        wait_until(lambda: all(e["monitorStatus"] == "Online" for e in proxy.status()["endpoints"]), what="both online")
        self.complete(proxy, "before")

        weu.kill()
        proxy.wait_for_active("neu")
        # Accepted at once; it runs when the other app next tries for the lease.
        self.complete(proxy, "during")
        self.assertEqual(self.owner(neu), "neu")
        wait_until(lambda: self.concluded(proxy) == ("neu", "certain", False), 20, "the proxy is certain of neu")

        weu = self.leased_app("weu", storage, weu.port)
        proxy.wait_for_active("weu")
        self.complete(proxy, "after")
        self.assertEqual(self.owner(weu), "neu", "a lease does not fail back by itself")
        wait_until(lambda: self.concluded(proxy) == ("neu", "certain", True), 20, "HTTP here, work there")
        self.assertIn("work_elsewhere", [alert["kind"] for alert in proxy.status()["alerts"]])

        def moved():
            return understudy("makeprimary", "weu", "--admin", proxy.admin).code == 0

        wait_until(moved, 20, "makeprimary is safe and was taken", interval=0.2)
        wait_until(lambda: self.owner(weu) == "weu", 20, "the lease is back")
        wait_until(lambda: self.concluded(proxy)[::2] == ("weu", False), 20, "the proxy knows")
        self.complete(proxy, "at-last")


if __name__ == "__main__":
    unittest.main()
