"""`validate --probe` against hubs that are what durable.task_hub says, and hubs that are not."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import Answer, EndToEnd, understudy

CREATED = "2026-11-23T12:00:00Z"


def hub(instances):
    """Answers lists and status queries for these ids, and 404 with an empty body for all others."""

    def status(instance):
        return {"name": "Order", "instanceId": instance, "runtimeStatus": "Running", "input": None, "customStatus": None,
                "output": None, "createdTime": CREATED, "lastUpdatedTime": CREATED}

    def answer(handler):
        path = handler.path.split("?")[0]
        if path.endswith("/instances"):
            return Answer(200, json.dumps([status(each) for each in instances[:1]]))
        instance = path.rsplit("/", 1)[1]
        return Answer(202, json.dumps(status(instance))) if instance in instances else Answer(404, "")

    return answer


class HubClaim(EndToEnd):
    def validate(self, claimed, first, second, *options):
        apps = [self.stand_in("weu"), self.stand_in("neu")]
        for app, instances in zip(apps, (first, second)):
            app.answer = hub(instances)
        config = self.write_config({
            "listen": [{"address": "127.0.0.1:0"}],
            "durable": {"task_hub": claimed},
            "endpoints": [{"name": app.name, "url": app.url, "priority": i + 1} for i, app in enumerate(apps)]})
        return understudy("validate", config, "--probe", *options)

    def test_a_true_claim_is_fine(self):
        for claimed, first, second in (("shared", ["a"], ["a"]), ("geo_replicated", ["a"], ["a"]),
                                       ("per_region", ["a"], ["b"])):
            with self.subTest(claimed):
                done = self.validate(claimed, first, second)
                self.assertEqual(done.code, 0, done.out + done.err)
                self.assertIn("task_hub: ok: ", done.out)

    def test_a_false_claim_fails_and_names_both_endpoints_but_no_instance(self):
        for claimed, first, second in (("shared", ["order-4711"], ["order-4712"]),
                                       ("per_region", ["order-4711"], ["order-4711"])):
            with self.subTest(claimed):
                done = self.validate(claimed, first, second)
                self.assertEqual(done.code, 1, done.out + done.err)
                self.assertRegex(done.out, rf'task_hub: contradiction: durable.task_hub is "{claimed}"')
                self.assertIn("weu and neu", done.out)
                self.assertNotIn("order-47", done.out + done.err)

    def test_json_carries_the_verdict(self):
        done = self.validate("per_region", ["a"], ["a"], "--json")
        self.assertEqual(done.code, 1, done.out)
        self.assertFalse(done.json()["ok"])
        self.assertEqual(done.json()["taskHub"]["verdict"], "contradiction")
        self.assertEqual(done.json()["taskHub"]["hubs"], "shared")

    def test_empty_hubs_leave_the_question_open_and_fail_nothing(self):
        done = self.validate("per_region", [], [])
        self.assertEqual(done.code, 0, done.out + done.err)
        self.assertIn("task_hub: cannot_tell: ", done.out)

    def test_without_a_claim_nobody_is_asked(self):
        app = self.stand_in("weu")
        config = self.write_config(self.config(app, self.stand_in("neu"), durable={}))
        self.assertNotIn("task_hub: ", understudy("validate", config, "--probe").out)
        self.assertEqual([path for _, path, _, _ in app.requests if "durabletask" in path], [])


if __name__ == "__main__":
    unittest.main()
