"""Polls of accepted instances while their region is away: never a false 404, never a URL of another host, all of them
completed in the end (polls.py). UNDERSTUDY_ALL=1 plays the 12 s outage with 400 instances and every fault."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import polls


class Polls(unittest.TestCase):
    def check(self, fault: str, **options):
        row = polls.measure(fault, **options)
        self.assertEqual(row.misses(), [], f"{polls.HEADER}\n{row.line()}")
        self.assertGreater(row.stale, 0, "no poll came while the region was away")

    def test_polls_across_a_short_outage(self):
        for fault in ("kill", "freeze"):
            with self.subTest(fault):
                self.check(fault, starts=40, rate=10, fault_at=2, fault_for=5)

    @unittest.skipUnless(os.environ.get("UNDERSTUDY_ALL") == "1", "five times half a minute: ./dev test --all")
    def test_polls_of_400_instances_across_an_outage_of_12_s(self):
        for fault in polls.FAULTS:
            with self.subTest(fault):
                self.check(fault)


if __name__ == "__main__":
    unittest.main()
