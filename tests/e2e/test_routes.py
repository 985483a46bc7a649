"""What each of the 16 routes of the Durable Functions HTTP API does for each layout of the task hubs, before, during
and after an outage of the primary. Everything asked about was made on the primary before the outage. The observed
table must be the one in durable/ROUTES.md; UNDERSTUDY_WRITE_ROUTES=1 writes it there."""

from __future__ import annotations

import os
import pathlib
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
from support import EndToEnd, wait_until

BASE = "/runtime/webhooks/durabletask"
DOCUMENT = support.ROOT / "durable" / "ROUTES.md"
PHASES = ("before", "during", "after")
LAYOUTS = ("shared", "per_region", "geo_replicated", "none")
JSON = {"Content-Type": "application/json"}

# (shown, method, path with {id} of an instance made for this route and phase, body, kind of instance)
ROUTES = (
    ("POST orchestrators/{function}", "POST", "/orchestrators/Order", "{}", None),
    ("GET instances/{id}", "GET", "/instances/{id}", None, "waiting"),
    ("GET instances", "GET", "/instances?instanceIdPrefix=waiting-", None, None),
    ("DELETE instances/{id}", "DELETE", "/instances/{id}", None, "finished"),
    ("DELETE instances", "DELETE", "/instances?createdTimeFrom=2020-01-01T00:00:00Z&runtimeStatus=Terminated", None, None),
    ("POST instances/{id}/raiseEvent/{event}", "POST", "/instances/{id}/raiseEvent/Go", "1", "waiting"),
    ("POST instances/{id}/terminate", "POST", "/instances/{id}/terminate?reason=x", "", "waiting"),
    ("POST instances/{id}/suspend", "POST", "/instances/{id}/suspend?reason=x", "", "waiting"),
    ("POST instances/{id}/resume", "POST", "/instances/{id}/resume?reason=x", "", "waiting"),
    ("POST instances/{id}/rewind", "POST", "/instances/{id}/rewind?reason=x", "", "failed"),
    ("POST instances/{id}/restart", "POST", "/instances/{id}/restart", "", "finished"),
    ("GET entities/{name}/{key}", "GET", "/entities/Counter/{id}", None, "entity"),
    ("GET entities", "GET", "/entities/Counter?top=5", None, None),
    ("POST entities/{name}/{key}", "POST", "/entities/Counter/{id}?op=add", "1", "entity"),
    ("DELETE entities/{name}/{key}", "DELETE", "/entities/Counter/{id}", None, "entity"),
    ("POST makeprimary", "POST", "/makeprimary", "", None),
)
PLANS = {
    "waiting": {"steps": [{"waitForEvent": "Go"}]},
    "finished": {"steps": 1, "stepMilliseconds": 1},
    "failed": {"steps": [{"fail": "on purpose"}]},
}
STATUS = {"waiting": "Running", "finished": "Completed", "failed": "Failed"}


def cell(answer: support.Response) -> str:
    """What a client saw, as one word or two."""
    served = answer.headers["X-Served-By"]
    if answer.headers["X-Understudy-Stale"]:
        return f"{answer.status}, last known"
    if served:
        return f"{answer.status} {served}"
    if answer.headers["Content-Type"] == "application/problem+json":
        return f"{answer.status} {answer.json()['kind']}"
    return f"{answer.status} merged" if answer.status == 200 else f"{answer.status} proxy"


class Routes(EndToEnd):
    def make(self, proxy, kind: str, name: str):
        if kind == "entity":
            answer = proxy.post(f"{BASE}/entities/Counter/{name}?op=add", "1", JSON)
            self.assertEqual(answer.status, 202, answer.text)
            wait_until(lambda: proxy.get(f"{BASE}/entities/Counter/{name}").status == 200, what=f"entity {name}")
            return
        answer = proxy.post(f"{BASE}/orchestrators/Order/{name}", PLANS[kind])
        self.assertEqual(answer.status, 202, answer.text)
        wait_until(lambda: proxy.get(f"{BASE}/instances/{name}").json()["runtimeStatus"] == STATUS[kind],
                   what=f"{name} {STATUS[kind]}")

    def ask(self, proxy, phase: str) -> list[str]:
        cells = []
        for number, (_, method, path, body, kind) in enumerate(ROUTES):
            headers = JSON if body else {}
            name = f"{kind}-{number}-{phase}"
            cells.append(cell(proxy.request(method, BASE + path.replace("{id}", name), body, headers)))
        return cells

    def play(self, layout: str) -> dict[str, list[str]]:
        storages = [self.storage()]
        storages.append(self.storage() if layout == "per_region" else storages[0])
        primary = self.app("primary", storages[0])
        secondary = self.app("secondary", storages[1])
        durable = {"ledger": {"path": str(self.folder / f"{layout}.db")}}
        if layout != "none":
            durable["task_hub"] = layout
        endpoints = [{"name": app, "url": process.url, "region": region}
                     for app, process, region in (("primary", primary, "weu"), ("secondary", secondary, "neu"))]
        config = self.config(*endpoints, durable=durable)
        config["probe"]["path"] = "/api/health"
        proxy = self.proxy(config)
        wait_until(lambda: all(e["monitorStatus"] == "Online" for e in proxy.status()["endpoints"]), what="both online")
        for number, (*_, kind) in enumerate(ROUTES):
            for phase in PHASES if kind else ():
                self.make(proxy, kind, f"{kind}-{number}-{phase}")
        seen = {"before": self.ask(proxy, "before")}
        primary.kill()
        proxy.wait_for_active("secondary")
        seen["during"] = self.ask(proxy, "during")
        self.app("primary", storages[0], port=primary.port)
        proxy.wait_for_active("primary")
        seen["after"] = self.ask(proxy, "after")
        return seen

    def test_every_route_does_what_the_table_says(self):
        seen = {layout: self.play(layout) for layout in LAYOUTS}
        lines = []
        for number, (shown, *_) in enumerate(ROUTES):
            cells = [" → ".join(seen[layout][phase][number] for phase in PHASES) for layout in LAYOUTS]
            lines.append(f"| `{shown}` | " + " | ".join(cells) + " |")
        table = "\n".join([f"| route | {' | '.join(LAYOUTS)} |", "|---" * (len(LAYOUTS) + 1) + "|", *lines])
        if os.environ.get("UNDERSTUDY_WRITE_ROUTES") == "1":
            text = DOCUMENT.read_text() if DOCUMENT.exists() else "\n<!-- table -->\n<!-- end -->\n"
            head, rest = text.split("<!-- table -->")
            DOCUMENT.write_text(f"{head}<!-- table -->\n{table}\n<!-- end -->{rest.split('<!-- end -->')[1]}")
        written = DOCUMENT.read_text().split("<!-- table -->\n")[1].split("\n<!-- end -->")[0]
        self.assertEqual(written.splitlines(), table.splitlines())


if __name__ == "__main__":
    unittest.main()
