"""The statistics of diagnostics full, from outside: the same bytes with every
instruction set and any number of workers, and advice that can be sent back."""

import json
import math
import os
import random
import subprocess
import unittest

from fixture import BINARY, PATIENCE_S

ISAS = ("baseline", "v3", "v4")


def evaluate(request, **environment):
    done = subprocess.run(
        [BINARY, "eval", "-"],
        input=json.dumps({"diagnostics": "full", **request}).encode(),
        capture_output=True,
        timeout=PATIENCE_S,
        env={**os.environ, **environment},
    )
    return done.stdout


def rows(n, c, seed=1, scale=1.0):
    draw = random.Random(seed)
    return {
        "logits": [[draw.gauss(0, scale) for _ in range(c)] for _ in range(n)],
        "targets": [draw.randrange(c) for _ in range(n)],
    }


def elements(n, seed=1):
    draw = random.Random(seed)
    return {
        "logits": [draw.gauss(0, 4) for _ in range(n)],
        "targets": [float(draw.random() < 0.5) for _ in range(n)],
    }


def regression(n, seed=1):
    draw = random.Random(seed)
    return {
        "input": [draw.choice((draw.gauss(0, 1), 0, 1e-41, 1e30)) for _ in range(n)],
        "targets": [draw.gauss(0, 1) for _ in range(n)],
    }


class SameBytes(unittest.TestCase):
    def same(self, request):
        first = evaluate(request, LOSS_ISA=ISAS[0], LOSSD_WORKERS="1")
        self.assertIn("stats", json.loads(first)["diagnostics"])
        for isa in ISAS[1:]:
            self.assertEqual(evaluate(request, LOSS_ISA=isa, LOSSD_WORKERS="3"), first, isa)

    def test_rows(self):
        self.same({"loss": "cross_entropy", **rows(70, 40)})
        self.same({"loss": "cross_entropy", **rows(2000, 10, scale=20)})
        self.same({"loss": "softmax_focal", "dtype": "float64", **rows(300, 37)})

    def test_elements(self):
        self.same({"loss": "bce_with_logits", **elements(30000)})
        self.same({"loss": "dice", **elements(333)})
        self.same({"loss": "l1", **regression(5000)})


class Advice(unittest.TestCase):
    def imbalanced(self):
        request = {"loss": "cross_entropy", **rows(400, 3)}
        request["targets"] = [2 if i % 40 == 7 else i % 2 for i in range(400)]
        return request

    def test_weights_can_be_sent(self):
        request = self.imbalanced()
        diagnostics = json.loads(evaluate(request))["diagnostics"]
        self.assertEqual([f["code"] for f in diagnostics["findings"]], ["class_imbalance"])
        advice = diagnostics["stats"]["classes"]["against_imbalance"]
        self.assertEqual(advice["losses"], ["softmax_focal"])
        self.assertEqual(
            [w["weight"]["from"] for w in advice["weights"]],
            ["inverse_log_frequency", "effective_number"],
        )
        for weights in advice["weights"]:
            self.assertEqual(sum(weights["weight"]["counts"]), 400)
            reply = json.loads(evaluate({**request, "weight": weights["weight"]}))
            for sent, told in zip(reply["weight"], weights["weights"]):
                self.assertAlmostEqual(sent, told, delta=1e-6 * told)
            self.assertEqual(reply["diagnostics"]["findings"], [])

    def test_a_binary_loss_gets_a_pos_weight(self):
        request = {"loss": "bce_with_logits", **elements(800)}
        request["targets"] = [float(i % 50 == 3) for i in range(800)]
        advice = json.loads(evaluate(request))["diagnostics"]["stats"]["classes"]
        advice = advice["against_imbalance"]
        self.assertEqual(advice["pos_weight"], 784 / 16)
        self.assertIn("balanced_bce", advice["losses"])
        request["pos_weight"] = advice["pos_weight"]
        self.assertEqual(json.loads(evaluate(request))["diagnostics"]["findings"], [])


class Content(unittest.TestCase):
    def test_a_sum_has_statistics_for_each_term(self):
        request = {"loss": {"terms": [{"loss": "l1"}, {"loss": "mse", "weight": 2}]}}
        stats = json.loads(evaluate({**request, "input": [1, 2, 4], "targets": [1, 3, 3]}))
        terms = stats["diagnostics"]["stats"]["terms"]
        self.assertEqual([t["losses"]["max"] for t in terms], [1, 1])
        # The gradient is that of both: neither can be checked alone.
        self.assertNotIn("gradient_check", terms[0])

    def test_many_classes_have_a_list_of_mistakes(self):
        request = {"loss": "cross_entropy", **rows(200, 50)}
        request["targets"] = [t % 2 for t in request["targets"]]
        for row in request["logits"]:
            row[7] = 9.0
        classes = json.loads(evaluate(request))["diagnostics"]["stats"]["classes"]
        self.assertNotIn("confusion", classes)
        self.assertEqual(
            [(cell["given"], cell["predicted"]) for cell in classes["confused"]],
            sorted(((t, 7) for t in (0, 1)), key=lambda cell: -request["targets"].count(cell[0])),
        )

    def test_infinities_are_counted_and_left_out(self):
        request = {"loss": "cross_entropy", "logits": [[1, "-Infinity"], [2, 4]]}
        stats = json.loads(evaluate({**request, "targets": [0, 1]}))["diagnostics"]["stats"]
        logits = stats["inputs"]["logits"]
        self.assertEqual((logits["neg_inf"], logits["finite"], logits["max"]), (1, 3, 4))
        self.assertAlmostEqual(logits["mean"], 7 / 3)
        self.assertAlmostEqual(logits["std"], math.sqrt(14 / 9))


if __name__ == "__main__":
    unittest.main()
