"""An app that holds a lease on a blob in a real storage emulator (npm azurite), through the emulator's freeze and its
crash."""

import pathlib
import socket
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
from support import EndToEnd, executable, free_port, request, wait_until
from test_clients import MODULES, setUpModule  # noqa: F401 - unittest calls it

EVERY = 0.2  # seconds between renewals


class BlobLease(EndToEnd):
    def azurite(self, port: int):
        """One that keeps its blobs over a restart."""
        started = self.process("azurite", [
            str(MODULES / "node_modules" / ".bin" / "azurite"), "--silent", "--location", pathlib.Path(self.folder) / "azurite",
            "--blobHost", "127.0.0.1", "--blobPort", port, "--queueHost", "127.0.0.1", "--queuePort", "0",
            "--tableHost", "127.0.0.1", "--tablePort", "0", "--skipApiVersionCheck", "--disableTelemetry"])
        wait_until(lambda: self.accepts(port), 60, f"azurite listens; it said {started.text!r}")
        return started

    @staticmethod
    def accepts(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def leased(self, name: str, url: str, port: int = 0, env: dict | None = None):
        port = port or free_port()
        app = self.process("understudy-app", [
            executable("understudy-app"), "--listen", f"127.0.0.1:{port}", "--name", name, "--lease-blob", url,
            "--lease-every", f"{EVERY * 1000:.0f}ms"], r"listening on", env=env)
        app.url, app.port = f"http://127.0.0.1:{port}", port
        return app

    def health(self, app) -> int:
        return request("GET", app.url + "/api/health").status

    def lease(self, app) -> dict:
        return request("GET", app.url + "/_control/blob-lease").json()

    def test_the_lease_is_taken_renewed_lost_in_a_freeze_and_had_again_after_a_crash(self):
        port = free_port()
        azurite = self.azurite(port)
        account = f"http://127.0.0.1:{port}/devstoreaccount1"
        west, east = self.leased("west", account), self.leased("east", account)
        for app in (west, east):
            wait_until(lambda: self.health(app) == 200, what="each app has a lease of its own")
        seen = self.lease(west)["renewals"]
        wait_until(lambda: self.lease(west)["renewals"] >= seen + 3, what="it is renewed")

        azurite.freeze()
        wait_until(lambda: self.health(west) == 503, 10 * EVERY + 5, "unhealthy without renewals")
        self.assertFalse(self.lease(west)["held"])
        azurite.thaw()
        wait_until(lambda: self.health(west) == 200, what="healthy after the thaw")
        self.assertEqual(self.lease(west)["takes"], 1, "it never went to anybody else")

        azurite.kill()
        wait_until(lambda: self.health(west) == 503, 10 * EVERY + 5, "unhealthy after the crash")
        self.azurite(port)
        for app in (west, east):
            wait_until(lambda: self.health(app) == 200, what="healthy after the restart")

        # One that was killed has its lease back at once; another app waits for it in vain.
        west.kill()
        west = self.leased("west", account, west.port)
        wait_until(lambda: self.health(west) == 200, 10, "its own lease is no obstacle")
        thief = self.leased("thief", account + "/understudy-leases/west")
        wait_until(lambda: "409" in self.lease(thief)["lastError"], what="the blob is taken")
        self.assertEqual((self.health(thief), self.health(west)), (503, 200))

    def test_a_wrong_key_is_refused_and_no_key_is_told(self):
        port = free_port()
        self.azurite(port)
        wrong = "bm90IHRoZSByaWdodCBrZXkgb2YgdGhpcyBhY2NvdW50"
        app = self.leased("west", f"http://127.0.0.1:{port}", env={"UNDERSTUDY_APP_STORAGE_KEY": wrong})
        wait_until(lambda: "403" in self.lease(app)["lastError"], what="the account refuses the key")
        self.assertEqual(self.health(app), 503)
        self.assertNotIn(wrong, app.text + str(self.lease(app)))

    def test_what_is_no_key_no_pace_and_no_place_is_refused_at_the_start(self):
        url = "http://127.0.0.1:1"
        for words, env in ((["--lease-blob", url], {"UNDERSTUDY_APP_STORAGE_KEY": "no base64!"}),
                           (["--lease-blob", url, "--lease-every", "6s"], {}),
                           (["--lease-blob", url, "--lease-every", "1ms"], {}),
                           (["--lease-blob", "https://127.0.0.1:1"], {}),
                           (["--lease-blob", url + "/a/b/c/d"], {})):
            ended = self.process("understudy-app", [executable("understudy-app"), *words], env=env)
            self.assertEqual(ended.wait(), 2, ended.text)
            self.assertNotIn("no base64!", ended.text)


if __name__ == "__main__":
    unittest.main()
