"""kill -9 of the proxy at random moments: nothing that was accepted is lost or repeated (proxy_kills.py). settle_after is
1 s instead of 5 s and 240 s, answer_after 2 s instead of 10 s. UNDERSTUDY_ALL=1 kills 200 times, with a shared hub and
a hub per region, and once more while the primary freezes now and then."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import proxy_kills
import starts


class ProxyKills(unittest.TestCase):
    def check(self, kills: int, **options):
        seed = int(os.environ.get("UNDERSTUDY_SEED") or random.SystemRandom().randrange(1 << 32))
        print(f"\nseed {seed} (UNDERSTUDY_SEED repeats it)", flush=True)
        result = proxy_kills.measure(kills, seed, starts.Settings(), **options)
        print(result.text(), flush=True)
        self.assertEqual(result.misses(), [], result.text())
        asked_again = sum(start.requests > 1 for start in result.verdict.starts.values())
        self.assertGreater(asked_again, 0, "no start was under way when the proxy died")

    def test_a_few_deaths_lose_and_repeat_nothing(self):
        self.check(8)

    @unittest.skipUnless(os.environ.get("UNDERSTUDY_ALL") == "1", "three minutes each: ./dev test --all")
    def test_two_hundred_deaths_lose_and_repeat_nothing(self):
        for options in ({"hub": "shared"}, {"hub": "per_region"}, {"hub": "per_region", "freezes": True}):
            with self.subTest(**options):
                self.check(200, **options)


if __name__ == "__main__":
    unittest.main()
