"""The search for leaked keys finds what it must, and what the tests do is handed to it."""

import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artefacts
import leaks
from support import EndToEnd, understudy


class Search(unittest.TestCase):
    def test_a_key_is_found_in_every_disguise_and_nowhere_else(self):
        self.assertEqual(leaks.self_test(), [])

    def test_a_search_that_has_gone_blind_says_so(self):
        with mock.patch.dict(leaks.DECODERS, clear=True):
            self.assertIn("gzip", leaks.self_test())


class Collection(EndToEnd):
    """With a folder of its own, so that a planted key does not end in the real search."""

    def setUp(self):
        super().setUp()
        into = tempfile.TemporaryDirectory(prefix="understudy-leaks-")
        self.addCleanup(into.cleanup)
        self.into = pathlib.Path(into.name)
        for patch in (mock.patch.dict(os.environ, {"UNDERSTUDY_ARTEFACTS": str(self.into)}),
                      mock.patch.object(artefacts, "_registered", set())):
            patch.start()
            self.addCleanup(patch.stop)

    def search(self) -> tuple[int, str]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = leaks.main([str(self.into)])
        return code, out.getvalue()

    def keys(self) -> set[str]:
        return set(leaks.read_keys(self.into / "keys.jsonl"))

    def test_a_key_planted_in_a_log_is_found_and_not_repeated(self):
        key = artefacts.new_key()
        artefacts.keep("proxy.log", f"ready\nGET /api?code={key} 200\n")
        code, out = self.search()
        self.assertEqual(code, 1)
        self.assertRegex(out, r"LEAK \S+proxy\.log: key \d+, of \S*test_a_key_planted\S*, as it is")
        self.assertNotIn(key[:16], out)

    def test_the_beginning_of_a_key_is_a_leak_too(self):
        key = artefacts.new_key()
        artefacts.keep("proxy.log", f"key {key[:18]}... refused")
        self.assertEqual(self.search()[0], 1)

    def test_clean_artefacts_pass(self):
        artefacts.new_key()
        artefacts.keep("proxy.log", "ready\n")
        self.assertEqual(self.search()[0], 0)

    def test_nothing_to_search_is_no_pass(self):
        self.assertEqual(self.search()[0], 2)

    def test_keys_of_configs_arguments_and_environments_register_themselves(self):
        key = [f"0123456789-made-up-{n}" for n in range(9)]
        artefacts.register_config({
            "clients": {"keys": [key[0], "${ELSEWHERE_IS_A_KEY}"]},
            "probe": {"key": key[1]},
            "admin": {"tokens": [{"name": "a-name-that-is-long", "role": "viewer", "token": key[2]}]},
            "endpoints": [{"name": "a-name-that-is-long", "keys": {"durable": key[3], "admin": {"file": "x"}},
                           "secret_header": {"name": "x-a-long-header-name", "value": key[4]}}]})
        artefacts.register_process(["app", "--master-key", key[5], f"--system-key=durabletask_extension={key[6]}",
                                    "--listen", "127.0.0.1:65000"], {"WEU_DURABLE_KEY": key[7], "PATH": key[8]})
        self.assertEqual(self.keys(), set(key[:8]))

    def test_what_a_proxy_and_a_verb_say_is_kept(self):
        endpoint = self.stand_in("only")
        proxy = self.proxy(self.config(endpoint))
        proxy.get("/")
        endpoint.stop()
        proxy.get("/")
        understudy("version")
        proxy.close()
        kept = [path.name for path in (self.into / "kept").iterdir()]
        for part in ("proxy.log", "proxy_metrics", "proxy_api_status", "proxy_api_events", "proxy_", "answer-50",
                     "understudy-version"):
            self.assertTrue(any(part in name for name in kept), (part, kept))


if __name__ == "__main__":
    unittest.main()
