"""The Open Inference Protocol: JSON, binary tensors, and what does not add up."""

import json
import struct
import unittest

from fixture import EXAMPLE, ServerTest

INFER = "/v2/models/cross_entropy/infer"
LOGITS = [number for row in EXAMPLE["logits"] for number in row]
TARGETS = EXAMPLE["targets"]
SHAPE = [len(EXAMPLE["logits"]), len(EXAMPLE["logits"][0])]


def tensor(name, shape, datatype, **rest):
    return {"name": name, "shape": shape, "datatype": datatype, **rest}


def in_json(**more):
    return {
        "inputs": [
            tensor("logits", SHAPE, "FP32", data=LOGITS),
            tensor("targets", SHAPE[:1], "INT64", data=TARGETS),
        ],
        **more,
    }


def in_binary(**more):
    document = {
        "inputs": [
            tensor("logits", SHAPE, "FP32", parameters={"binary_data_size": 4 * len(LOGITS)}),
            tensor("targets", SHAPE[:1], "INT64", parameters={"binary_data_size": 8 * len(TARGETS)}),
        ],
        **more,
    }
    text = json.dumps(document).encode()
    return text, struct.pack("<%df" % len(LOGITS), *LOGITS) + struct.pack(
        "<%dq" % len(TARGETS), *TARGETS
    )


class Oip(ServerTest):
    def binary(self, text, tensors, length=None):
        headers = {
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(len(text) if length is None else length),
        }
        return self.server.post(text + tensors, INFER, headers)

    def plain(self):
        return self.server.post(EXAMPLE).json

    def test_metadata(self):
        self.assertIn("binary_tensor_data", self.server.get("/v2").json["extensions"])
        self.assertEqual(self.server.get("/v2/models/dice").json["name"], "dice")
        self.assertEqual(self.server.get("/v2/models/dice/ready").status, 200)
        self.assertEqual(self.server.get("/v2/health/live").status, 200)
        self.assertEqual(self.server.get("/v2/models/no_such_loss").status, 404)

    def test_json_is_what_evaluate_answers(self):
        reply = self.server.post(in_json(id="a"), INFER).json
        outputs = {output["name"]: output for output in reply["outputs"]}
        plain = self.plain()
        self.assertEqual((reply["model_name"], reply["id"]), ("cross_entropy", "a"))
        self.assertEqual(outputs["loss"]["data"], [plain["loss"]])
        gradient = [number for row in plain["gradients"]["logits"] for number in row]
        self.assertEqual(outputs["gradient_logits"]["data"], gradient)
        self.assertEqual(json.loads(outputs["diagnostics"]["data"][0]), plain["diagnostics"])

    def test_version_route(self):
        versioned = self.server.post(in_json(), "/v2/models/cross_entropy/versions/1/infer")
        self.assertEqual(versioned.json["outputs"], self.server.post(in_json(), INFER).json["outputs"])

    def test_binary_both_ways(self):
        text, tensors = in_binary(parameters={"binary_data_output": True})
        reply = self.binary(text, tensors)
        self.assertEqual(reply.status, 200)
        length = int(reply.headers["inference-header-content-length"])
        sizes = [
            output["parameters"]["binary_data_size"]
            for output in json.loads(reply.body[:length])["outputs"]
        ]
        self.assertEqual(length + sum(sizes), len(reply.body))
        loss = struct.unpack_from("<f", reply.body, length)[0]
        self.assertEqual(loss, struct.unpack("<f", struct.pack("<f", self.plain()["loss"]))[0])

    def test_sizes_are_exact(self):
        text, tensors = in_binary()
        for body, length in (
            (tensors[:-1], None),
            (tensors + b"x", None),
            (tensors, len(text) + len(tensors) + 1),
        ):
            reply = self.binary(text, body, length)
            self.assertEqual((reply.status, reply.json["code"]), (400, "binary_size"))
            self.assertEqual(reply.json["error"], reply.json["detail"])


if __name__ == "__main__":
    unittest.main()
