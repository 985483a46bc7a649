"""Seconds of mixed_load.py, and that its books can be out of balance. `./dev load asan` and `./dev load tsan` play minutes."""

import collections
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mixed_load
from mixed_load import Told


class MixedLoad(unittest.TestCase):
    def test_nothing_is_left_or_unaccounted_for(self):
        seed = int(os.environ.get("UNDERSTUDY_SEED") or random.SystemRandom().randrange(1 << 30))
        seconds = 60 if os.environ.get("UNDERSTUDY_ALL") == "1" else 12
        note, wrong = mixed_load.measure(seconds, seed)
        print("\n" + note, flush=True)
        self.assertEqual(wrong, [], note)


class Books(unittest.TestCase):
    def test_balance(self):
        lines = {"a": collections.Counter({200: 5, 503: 1})}
        for told, balanced in (
                (Told(6, 0, collections.Counter({200: 5, 503: 1})), True),
                (Told(7, 1, collections.Counter({200: 5, 503: 1})), True),  # one never got as far as the proxy
                (Told(6, 1, collections.Counter({200: 5})), True),  # its 503 was never read
                (Told(6, 0, collections.Counter({200: 5})), False),  # nobody was told that 503
                (Told(6, 0, collections.Counter({200: 6})), False),  # an answer that nobody logged
                (Told(6, 0, collections.Counter({200: 4, 503: 2})), False)):
            self.assertEqual(mixed_load.unbalanced({"a": told}, lines) == [], balanced, told)
        self.assertNotEqual(mixed_load.unbalanced({"b": Told(1, 0, collections.Counter({200: 1}))}, lines), [])


if __name__ == "__main__":
    unittest.main()
