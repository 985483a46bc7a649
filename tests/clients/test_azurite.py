"""The rehearsal with a real storage emulator: npm's azurite, installed as the clients are, frozen and killed by the
scenario like any other part."""

import os
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
import rehearsals
from support import EndToEnd, executable
from test_clients import MODULES, setUpModule  # noqa: F401 - unittest calls it


class Azurite(EndToEnd):
    def test_the_primary_is_left_while_the_emulator_that_it_needs_is_away(self):
        for name in ("understudy-rehearse", "understudy-app", "understudy-storage"):
            executable(name)
        before = os.environ.get("PATH", "")
        self.addCleanup(os.environ.__setitem__, "PATH", before)
        os.environ["PATH"] = f"{MODULES / 'node_modules' / '.bin'}:{before}"
        expected = rehearsals.built_in()["azurite"]
        run = rehearsals.play("azurite", self.folder / "report")
        self.assertEqual(run.surprise(expected), "")
        self.assertIn("azurite", (run.folder / "report.html").read_text(encoding="utf-8").lower())


if __name__ == "__main__":
    unittest.main()
