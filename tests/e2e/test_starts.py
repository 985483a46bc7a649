"""An accepted start runs, once, or someone is told: starts through an outage of the primary (starts.py). The waits of the
ledger are shortened: answer_after 2 s instead of 10 s, settle_after 1 s instead of 5 s (behind gateways: longer than the
outage, instead of 240 s). UNDERSTUDY_ALL=1 plays the whole matrix with outages of 12 s."""

import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import starts
import support

SHORT = starts.Settings(seconds=8, fault_at=2, fault_for=4, healthy_for="2s")
JOBS = 2  # more of them than cores, and the machine is what is measured


class Starts(unittest.TestCase):
    def check(self, cells: list[starts.Cell], settings: starts.Settings):
        for name in ("understudy", "understudy-app", "understudy-storage", "understudy-gateway"):
            support.executable(name)
        print(f"\n{starts.header()}", flush=True)
        rows = []
        for row in starts.measure_all(cells, settings, JOBS):
            print(row.line(), flush=True)
            rows.append(row)
        for row in rows:
            with self.subTest(str(row.cell)):
                self.assertEqual(row.misses(), [], row.line())
                # All of these starts could be repeated, so none may end with nobody knowing.
                self.assertEqual(row.verdict.count("unknown"), 0, row.line())
                self.assertLess(row.verdict.slowest_ms(), settings.patience * 1000)
        return rows

    def test_starts_across_a_short_outage(self):
        frozen, _ = self.check([starts.Cell("freeze", "per_region"), starts.Cell("reset", "shared")], SHORT)
        self.assertGreater(frozen.values()["unconfirmed"], 0, "no start was in flight when the primary froze")

    @unittest.skipUnless(os.environ.get("UNDERSTUDY_ALL") == "1", "34 runs of a minute, two at a time: ./dev test --all")
    def test_starts_across_every_outage_of_12_s(self):
        cells = starts.matrix(starts.FAULTS, starts.HUBS, starts.LENGTHS, ("direct", "gateway"))
        self.assertEqual(len(cells), 32)
        self.check(cells + [starts.Cell("plain503", hub) for hub in starts.HUBS], starts.Settings())


class Command(unittest.TestCase):
    def test_wrong_use_is_told_from_a_miss(self):
        for arguments in (["--faults", "flood"], ["--faults", "kill", "--peers", "gateway"], ["--bin", "/nowhere"], ["--jobs", "0"]):
            with self.subTest(arguments):
                done = subprocess.run([sys.executable, "-B", starts.__file__, *arguments], capture_output=True, text=True, timeout=30,
                                      cwd=pathlib.Path(starts.__file__).parent)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertNotIn("Traceback", done.stderr)


if __name__ == "__main__":
    unittest.main()
