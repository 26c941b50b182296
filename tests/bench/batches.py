"""Batches of cross entropy: as a request in JSON and in binary, with what
PyTorch makes of them in float64."""
import json

import numpy
import torch

from servers import Request


class Batch:
    def __init__(self, n, c):
        random = numpy.random.default_rng(n * c)
        self.n, self.c, self.name = n, c, f"{n}x{c}"
        self.logits = random.normal(0, 2, (n, c)).astype("float32")
        self.targets = random.integers(0, max(c, 1), n)

    @classmethod
    def repeated(cls, batch, times):
        new = cls(0, 0)
        new.n, new.c, new.name = batch.n * times, batch.c, f"{batch.name} x {times}"
        new.logits = numpy.tile(batch.logits, (times, 1))
        new.targets = numpy.tile(batch.targets, times)
        return new

    def json(self, scratch):
        """As Python's json writes it: 17 digits."""
        body = json.dumps({"loss": "cross_entropy", "logits": self.logits.tolist(),
                           "targets": self.targets.tolist()}).encode()
        return Request(scratch, self.name + ".json", "/v1/evaluate", body,
                       "Content-Type: application/json")

    def binary(self, scratch):
        """As a client of the Open Inference Protocol sends it."""
        def tensor(name, array, datatype):
            return {"name": name, "shape": array.shape, "datatype": datatype,
                    "parameters": {"binary_data_size": array.nbytes}}
        head = json.dumps({"inputs": [tensor("logits", self.logits, "FP32"),
                                      tensor("targets", self.targets, "INT64")],
                           "parameters": {"binary_data_output": True}}).encode()
        return Request(scratch, self.name + ".binary", "/v2/models/cross_entropy/infer",
                       head + self.logits.tobytes() + self.targets.tobytes(),
                       "Content-Type: application/octet-stream",
                       f"Inference-Header-Content-Length: {len(head)}")

    def expected(self):
        x = torch.tensor(self.logits, dtype=torch.float64, requires_grad=True)
        loss = torch.nn.functional.cross_entropy(x, torch.tensor(self.targets))
        loss.backward()
        return loss.item(), x.grad.numpy()

    def check(self, loss, gradient, who):
        expected, expected_gradient = self.expected()
        error = numpy.abs(numpy.asarray(gradient) - expected_gradient).max()
        assert abs(loss - expected) <= 1e-6 * expected, f"{who}, {self.name}: {loss}, {expected}"
        assert error <= 1e-6 * numpy.abs(expected_gradient).max(), f"{who}, {self.name}: gradient"

    def check_json(self, reply, who):
        answer = json.loads(reply)
        self.check(answer["loss"], answer["gradients"]["logits"], who)

    def check_binary(self, reply, who):
        """The loss, then the gradient, behind the JSON; the diagnostics are last."""
        answer, end = json.JSONDecoder().raw_decode(reply.decode("latin-1"))
        parts = {}
        for output in answer["outputs"]:
            size = output["parameters"]["binary_data_size"]
            parts[output["name"]] = reply[end:end + size]
            end += size
        gradient = numpy.frombuffer(parts["gradient_logits"], "float32")
        self.check(numpy.frombuffer(parts["loss"], "float32")[0],
                   gradient.reshape(self.n, self.c), who)
