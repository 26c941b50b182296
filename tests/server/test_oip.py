"""The Open Inference Protocol: JSON, binary tensors, and what does not add up."""

import gzip
import json
import math
import os
import re
import struct
import unittest

from fixture import EXAMPLE, ROOT, ServerTest

RECORDED = os.path.join(ROOT, "tests", "oip")

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
        self.assertEqual(self.server.get("/v2/health/live").json, {"live": True})
        self.assertEqual(self.server.get("/v2/health/ready").json, {"ready": True})
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

    def test_length_of_the_json_is_digits_within_the_body(self):
        text, tensors = in_binary()
        for length in ("0", "", "+%d" % len(text), "-1", "0x10", "1e2", " ", "9" * 30,
                       "18446744073709551616", str(2**31), str(2**32 + len(text))):
            reply = self.binary(text, tensors, length)
            self.assertEqual((length, reply.status, reply.code), (length, 400, "binary_size"))
        self.assertEqual(self.binary(text, tensors, "00%d" % len(text)).status, 200)
        # One byte short: what is cut is no JSON; one too many: nor is that.
        for length in (len(text) - 1, len(text) + 1):
            self.assertEqual(self.binary(text, tensors, length).status, 400)

    def test_without_the_length_the_body_is_json(self):
        text = json.dumps(in_json()).encode()
        for media in ("application/octet-stream", "application/json"):
            reply = self.server.post(text, INFER, {"Content-Type": media})
            self.assertEqual(reply.status, 200)
        text, tensors = in_binary()
        headers = {"Content-Type": "application/octet-stream"}
        self.assertEqual(self.server.post(text + tensors, INFER, headers).code, "syntax_error")

    def test_length_counts_the_body_before_it_was_compressed(self):
        text, tensors = in_binary()
        headers = {
            "Content-Encoding": "gzip",
            "Inference-Header-Content-Length": str(len(text)),
        }
        body = gzip.compress(text + tensors)
        reply = self.server.post(body, INFER, headers)
        self.assertEqual((reply.status, reply.body), (200, self.binary(text, tensors).body))
        headers["Inference-Header-Content-Length"] = str(len(text) + len(tensors) + 1)
        self.assertEqual(self.server.post(body, INFER, headers).code, "binary_size")

    def ask(self, inputs, **more):
        return self.server.post({"inputs": inputs, **more}, INFER)

    def test_forms_of_a_tensor(self):
        """Flat or nested, a 1 written otherwise, a zero with a sign."""
        expected = self.server.post(in_json(), INFER).body
        nested = tensor("logits", SHAPE, "FP32", data=EXAMPLE["logits"])
        for targets in ("[0, 2, 1]", "[-0, 2, 1]", "[0, 2.0, 1]", "[0, 2, 1e0]", "[0, 0.2e1, 1]"):
            text = '{"inputs": [%s, {"name": "targets", "shape": [3], "datatype": "INT64", "data": %s}]}'
            reply = self.server.post((text % (json.dumps(nested), targets)).encode(), INFER)
            self.assertEqual((targets, reply.body), (targets, expected))

    def test_empty_tensors(self):
        inputs = [
            tensor("input", [0, 3], "FP32", data=[]),
            tensor("targets", [0, 3], "FP32", data=[]),
        ]
        reply = self.server.post(
            {"inputs": inputs, "parameters": {"reduction": "sum"}}, "/v2/models/l1/infer"
        ).json
        outputs = {output["name"]: output for output in reply["outputs"]}
        self.assertEqual(outputs["loss"]["data"], [0])
        self.assertEqual(outputs["gradient_input"]["shape"], [0, 3])
        self.assertEqual(outputs["gradient_input"]["data"], [])

    def test_every_type_in_binary_and_json(self):
        plain = self.server.post(in_json(), INFER).json["outputs"]
        for datatype, code in (("INT64", "q"), ("INT32", "i"), ("UINT8", "B"), ("BOOL", "?"),
                               ("FP16", "e"), ("FP32", "f"), ("FP64", "d")):
            # Targets of 0 and 1 fit all of them; FP64 would make the arithmetic float64.
            targets = [0, 1, 1]
            data = struct.pack("<3" + code, *targets)
            document = {
                "inputs": [
                    tensor("logits", SHAPE, "FP32", data=LOGITS),
                    tensor("targets", [3], datatype, parameters={"binary_data_size": len(data)}),
                ],
                "parameters": {"dtype": "float32"},
            }
            binary = self.binary(json.dumps(document).encode(), data)
            document["inputs"][1] = tensor("targets", [3], "INT64", data=targets)
            self.assertEqual((datatype, binary.body), (datatype, self.server.post(document, INFER).body))
            if datatype != "FP16":
                document["inputs"][1]["datatype"] = datatype
                self.assertEqual(self.server.post(document, INFER).body, binary.body)
        self.assertEqual(plain, self.server.post(in_json(), INFER).json["outputs"])

    def test_float64_inputs_make_the_arithmetic_float64(self):
        document = in_json()
        document["inputs"][0]["datatype"] = "FP64"
        outputs = self.server.post(document, INFER).json["outputs"]
        self.assertEqual([output["datatype"] for output in outputs], ["FP64", "FP64", "BYTES"])
        wide = self.server.post({**EXAMPLE, "dtype": "float64"}).json
        self.assertEqual(outputs[0]["data"], [wide["loss"]])
        document["parameters"] = {"dtype": "float32"}
        self.assertEqual(self.server.post(document, INFER).json["outputs"],
                         self.server.post(in_json(), INFER).json["outputs"])

    def test_outputs_decide_what_is_binary(self):
        def wish(name, **parameters):
            return {"name": name, **({"parameters": parameters} if parameters else {})}

        for everything, wishes, expected in (
            (None, [wish("loss"), wish("gradient_logits")], [False, False]),
            (None, [wish("loss", binary_data=True), wish("gradient_logits")], [True, False]),
            (True, [wish("loss", binary_data=False), wish("gradient_logits")], [False, True]),
            (False, [wish("gradient_logits", binary_data=True), wish("loss")], [True, False]),
        ):
            more = {} if everything is None else {"parameters": {"binary_data_output": everything}}
            reply = self.server.post(in_json(outputs=wishes, **more), INFER)
            length = int(reply.headers["inference-header-content-length"]) if any(expected) else None
            document = json.loads(reply.body[:length])
            outputs = document["outputs"]
            self.assertEqual([one["name"] for one in outputs], [one["name"] for one in wishes])
            self.assertEqual(["data" not in one for one in outputs], expected)
            sizes = [one.get("parameters", {}).get("binary_data_size", 0) for one in outputs]
            self.assertEqual(sum(sizes), len(reply.body) - (length or len(reply.body)))

    def test_outputs_alone_decide_what_is_computed(self):
        reply = self.server.post(in_json(outputs=[{"name": "loss"}]), INFER).json
        self.assertEqual([output["name"] for output in reply["outputs"]], ["loss"])

    def test_diagnostics_are_one_document_of_bytes(self):
        reply = self.server.post(in_json(
            outputs=[{"name": "diagnostics", "parameters": {"binary_data": True}}]), INFER)
        length = int(reply.headers["inference-header-content-length"])
        output = json.loads(reply.body[:length])["outputs"][0]
        self.assertEqual((output["datatype"], output["shape"]), ("BYTES", [1]))
        text = reply.body[length:]
        self.assertEqual(output["parameters"]["binary_data_size"], len(text))
        self.assertEqual(struct.unpack_from("<I", text)[0], len(text) - 4)
        self.assertEqual(json.loads(text[4:]), self.plain()["diagnostics"])

    def test_parameters_are_those_of_the_loss(self):
        spec = {"label_smoothing": 0.1, "reduction": "sum", "ignore_index": 2}
        reply = self.server.post(in_json(parameters={**spec, "diagnostics": "off"}), INFER).json
        plain = self.server.post({**EXAMPLE, "loss": {"name": "cross_entropy", **spec}}).json
        self.assertEqual(reply["outputs"][0]["data"], [plain["loss"]])
        self.assertEqual(reply["parameters"], {"reduction": "sum", "sum": plain["sum"], "denominator": 1})
        self.assertEqual(len(reply["outputs"]), 2)

    def test_a_loss_that_only_float64_holds(self):
        inputs = [tensor("input", [2], "FP32", data=[1.5e19, 1.5e19]),
                  tensor("targets", [2], "FP32", data=[0, 0])]
        loss = self.server.post({"inputs": inputs, "parameters": {"reduction": "sum"}},
                                "/v2/models/mse/infer").json["outputs"][0]
        self.assertEqual(loss["datatype"], "FP64")
        self.assertAlmostEqual(loss["data"][0] / 4.5e38, 1, places=6)

    def test_nonfinite(self):
        document = in_json(outputs=[{"name": "loss"}])
        document["inputs"][0]["data"] = ["NaN"] + LOGITS[1:]
        for how, expected in (("string", "NaN"), ("null", None)):
            document["parameters"] = {"nonfinite": how}
            self.assertEqual(self.server.post(document, INFER).json["outputs"][0]["data"], [expected])
        document["parameters"] = {"nonfinite": "error"}
        reply = self.server.post(document, INFER)
        self.assertEqual((reply.status, reply.code), (422, "nonfinite_result"))

    # Changes of a request that is right, and what is wrong with them.
    BAD = (
        # the document
        ({"inputs": None}, 422, "missing_member", "/inputs"),
        ({"inputs": {}}, 422, "wrong_type", "/inputs"),
        ({"inputs": [3]}, 422, "wrong_type", "/inputs"),
        ({"inputs": []}, 422, "missing_input", "/inputs"),
        ({"input": []}, 422, "unknown_member", "/input"),
        ({"id": 3}, 422, "wrong_type", "/id"),
        ({"model_name": "dice"}, 422, "conflicting_inputs", "/model_name"),
        ({"model_name": 3}, 422, "wrong_type", "/model_name"),
        ({"parameters": []}, 422, "wrong_type", "/parameters"),
        # tensors
        ({"0.shape": None}, 422, "missing_member", "/inputs/0/shape"),
        ({"0.data": None}, 422, "missing_member", "/inputs/0/data"),
        ({"0.name": None}, 422, "missing_member", "/inputs/0/name"),
        ({"0.datatype": None}, 422, "missing_member", "/inputs/0/datatype"),
        ({"0.more": 1}, 422, "unknown_member", "/inputs/0/more"),
        ({"0.name": "imput"}, 422, "unknown_member", "/inputs/0"),
        ({"0.name": "targets"}, 422, "conflicting_inputs", "/inputs/1"),
        ({"0.name": "loss"}, 422, "unknown_member", "/inputs/0"),
        ({"0.datatype": "FP33"}, 422, "out_of_range", "/inputs/0/datatype"),
        ({"0.datatype": "FP16"}, 422, "out_of_range", "/inputs/0/datatype"),
        ({"0.datatype": "BF16"}, 422, "out_of_range", "/inputs/0/datatype"),
        ({"0.datatype": "UINT64"}, 422, "out_of_range", "/inputs/0/datatype"),
        ({"0.datatype": "BYTES"}, 422, "out_of_range", "/inputs/0/datatype"),
        ({"0.shape": [3, 4]}, 422, "shape_mismatch", "/inputs/0/data"),
        ({"0.shape": [3, 0]}, 422, "shape_mismatch", "/inputs/0/data"),
        ({"0.shape": [3, -3]}, 422, "out_of_range", "/inputs/0/shape/1"),
        ({"0.shape": [3, 2.5]}, 422, "out_of_range", "/inputs/0/shape/1"),
        ({"0.shape": [2**40, 2**40]}, 422, "shape_mismatch", "/inputs/0/shape"),
        ({"0.shape": 9}, 422, "wrong_type", "/inputs/0/shape"),
        ({"0.shape": [1] * 9}, 422, "rank_too_large", "/inputs/0/shape"),
        ({"0.data": [[1, 2, 3], [4, 5], [6]]}, 422, "ragged_array", "/inputs/0/data/1"),
        ({"0.data": [["a"]]}, 422, "wrong_type", None),
        ({"0.parameters": {"binary_data_size": 36}}, 422, "conflicting_inputs", "/inputs/0/data"),
        ({"0.parameters": {"shared_memory_region": "a"}}, 422, "unknown_member",
         "/inputs/0/parameters/shared_memory_region"),
        ({"0.parameters": {"binary_data_size": "36"}, "0.data": None}, 400, "binary_size", "/inputs/0"),
        ({"0.parameters": {"binary_data_size": -36}, "0.data": None}, 400, "binary_size", "/inputs/0"),
        # 36 bytes of which none follow the JSON.
        ({"0.parameters": {"binary_data_size": 36}, "0.data": None}, 400, "binary_size", "/inputs/0"),
        # integers
        ({"1.data": [0, 2, 1.5]}, 422, "target_not_integer", "/inputs/1/data/2"),
        ({"1.data": [0, 2, 2**53 + 1]}, 422, "target_out_of_range", None),
        ({"1.data": [0, 2, 2**64]}, 422, "target_out_of_range", None),
        ({"1.datatype": "INT32", "1.data": [0, 2, 2**31]}, 422, "out_of_range", None),
        ({"1.datatype": "UINT8", "1.data": [0, 2, -1]}, 422, "out_of_range", None),
        ({"1.datatype": "BOOL", "1.data": [0, 2, 1]}, 422, "out_of_range", None),
        # parameters
        ({"parameters": {"gamma": 2}}, 422, "unknown_parameter", "/parameters/gamma"),
        ({"parameters": {"label_smoothing": 2}}, 422, "out_of_range", "/parameters/label_smoothing"),
        ({"parameters": {"label_smoothing": [1]}}, 422, "wrong_type", "/parameters/label_smoothing"),
        ({"parameters": {"timeout": 5}}, 422, "unknown_parameter", "/parameters/timeout"),
        ({"parameters": {"dtype": "float8"}}, 422, "out_of_range", "/parameters/dtype"),
        ({"parameters": {"binary_data_output": 1}}, 422, "wrong_type", "/parameters/binary_data_output"),
        # outputs
        ({"outputs": [{"name": "logits"}]}, 422, "unknown_member", "/outputs/0"),
        ({"outputs": [{"name": "gradient_targets"}]}, 422, "not_differentiable", "/outputs"),
        ({"outputs": [{"name": "gradient_x"}]}, 422, "unknown_member", "/outputs"),
        ({"outputs": [{"name": "loss"}, {"name": "loss"}]}, 422, "conflicting_inputs", "/outputs/1"),
        ({"outputs": [{"name": "loss", "parameters": {"classification": 2}}]}, 422, "unknown_member",
         "/outputs/0/parameters/classification"),
        ({"outputs": [{"name": "loss", "parameters": {"binary_data": 1}}]}, 422, "wrong_type",
         "/outputs/0/parameters/binary_data"),
        ({"outputs": [{}]}, 422, "missing_member", "/outputs/0/name"),
        ({"outputs": [{"name": "diagnostics"}], "parameters": {"diagnostics": "off"}}, 422,
         "conflicting_inputs", "/outputs"),
    )

    def test_what_is_wrong_is_told(self):
        for changes, status, code, pointer in self.BAD:
            document = in_json()
            for key, value in changes.items():
                where, _, member = key.rpartition(".")
                owner = document["inputs"][int(where)] if where else document
                owner[member] = value
                if value is None:
                    del owner[member]
            with self.subTest(changes=changes):
                reply = self.server.post(document, INFER)
                self.assertEqual((reply.status, reply.code), (status, code), reply.body)
                if pointer:
                    self.assertEqual(reply.json["pointer"], pointer, reply.body)
                self.assertEqual(reply.json["error"], reply.json["detail"])

    def test_bool_that_is_neither(self):
        document = {"inputs": [
            tensor("logits", SHAPE, "FP32", data=LOGITS),
            tensor("targets", [3], "BOOL", parameters={"binary_data_size": 3}),
        ]}
        text = json.dumps(document).encode()
        self.assertEqual(self.binary(text, b"\0\1\1").status, 200)
        self.assertEqual(self.binary(text, b"\0\1\2").code, "wrong_type")

    def test_binary_fraction_is_no_class(self):
        document = {"inputs": [
            tensor("logits", SHAPE, "FP32", data=LOGITS),
            tensor("targets", [3], "FP32", parameters={"binary_data_size": 12}),
        ]}
        text = json.dumps(document).encode()
        self.assertEqual(self.binary(text, struct.pack("<3f", 0, 2, 1)).status, 200)
        for bad in (0.5, float("nan"), float("inf"), 2.0**63):
            reply = self.binary(text, struct.pack("<3f", 0, 2, bad))
            self.assertEqual((bad, reply.status), (bad, 422))

    def test_bytes_of_a_tensor_are_those_of_its_shape(self):
        text, tensors = in_binary()
        for old, new in ((b'"binary_data_size": 36', b'"binary_data_size": 35'),
                         (b'"binary_data_size": 36', b'"binary_data_size": 37'),
                         (b'"binary_data_size": 36', b'"binary_data_size": 9223372036854775807'),
                         (b"[3, 3]", b"[3, 2]")):
            self.assertIn(old, text)
            reply = self.binary(text.replace(old, new), tensors)
            self.assertEqual((new, reply.status, reply.code), (new, 400, "binary_size"))
        reply = self.binary(text.replace(b"[3, 3]", b"[%d, %d]" % (2**40, 2**40)), tensors)
        self.assertEqual((reply.status, reply.code), (422, "shape_mismatch"))

    def test_methods_and_versions(self):
        self.assertEqual(self.server.get(INFER).status, 405)
        self.assertEqual(self.server.post(in_json(), "/v2/models/cross_entropy").status, 405)
        for path in ("/v2/models/cross_entropy/versions/2", "/v2/models/cross_entropy/versions/1/x",
                     "/v2/models/cross_entropy/config", "/v2/models"):
            self.assertEqual((path, self.server.get(path).status), (path, 404))
        for path in ("", "/ready", "/versions/1", "/versions/1/ready"):
            self.assertEqual(self.server.get("/v2/models/nn.CrossEntropyLoss" + path).status, 200)
        reply = self.server.post(in_json(), "/v2/models/no_such_loss/infer")
        self.assertEqual((reply.status, reply.code), (404, "loss_not_found"))


class Recorded(ServerTest):
    """What tritonclient and KServe's client sent (tests/oip/record.py), and what
    they understood."""

    def exchange(self, request):
        with self.server.socket() as one:
            one.sendall(request)
            one.settimeout(10)
            data = b""
            while True:
                data += one.recv(1 << 16)
                head, separator, body = data.partition(b"\r\n\r\n")
                lines = head.decode().split("\r\n")
                fields = dict(line.lower().split(": ", 1) for line in lines[1:])
                if separator and len(body) == int(fields["content-length"]):
                    return lines[0].split()[1], fields, body

    @staticmethod
    def summary(status, fields, body):
        names = ("content-type", "inference-header-content-length")
        lines = [status] + ["%s: %s" % (name, fields[name]) for name in names if name in fields]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def test_clients(self):
        names = sorted(name[:-8] for name in os.listdir(RECORDED) if name.endswith(".request"))
        self.assertGreater(len(names), 25)
        for name in names:
            with self.subTest(exchange=name):
                with open(os.path.join(RECORDED, name + ".request"), "rb") as file:
                    status, fields, body = self.exchange(file.read())
                with open(os.path.join(RECORDED, name + ".reply"), "rb") as file:
                    expected = file.read()
                if status != "200":
                    # The sentences may be put better.
                    self.assertEqual(status, expected[:3].decode())
                    self.assertEqual(json.loads(body)["code"], json.loads(
                        expected.partition(b"\r\n\r\n")[2])["code"])
                elif "diagnostics" in name:
                    # What is found has tests of its own.
                    self.assertIn(b'"verdict":"ok"', body)
                else:
                    self.assert_near(self.summary(status, fields, body), expected)

    def take_apart(self, summary):
        """What the summary says, with the numbers of its binary tensors put in."""
        head, _, body = summary.partition(b"\r\n\r\n")
        found = re.search(rb"\r\ninference-header-content-length: (\d+)", head)
        if not found:
            return head, json.loads(body) if body else None
        document, at = json.loads(body[:int(found.group(1))]), int(found.group(1))
        for output in document["outputs"]:
            size = output.get("parameters", {}).get("binary_data_size")
            if size is not None:
                code = {"FP32": "f", "FP64": "d"}[output["datatype"]]
                output["data"] = list(struct.unpack_from(
                    "<%d%s" % (size // struct.calcsize(code), code), body, at))
                at += size
        self.assertEqual(at, len(body))
        return re.sub(rb"length: \d+", b"length", head), document

    def assert_near(self, found, expected):
        """The same but for the last bits, which another version may compute otherwise."""
        (head, document), (expected_head, expected_document) = map(self.take_apart, (found, expected))
        self.assertEqual(head, expected_head)
        self.compare(document, expected_document)

    def compare(self, a, b):
        if isinstance(a, float) and isinstance(b, (int, float)):
            self.assertTrue(math.isclose(a, b, rel_tol=2e-6, abs_tol=1e-9), (a, b))
        elif isinstance(a, dict):
            self.assertEqual(list(a), list(b))
            for name in a:
                self.compare(a[name], b[name])
        elif isinstance(a, list):
            self.assertEqual(len(a), len(b))
            for pair in zip(a, b):
                self.compare(*pair)
        else:
            self.assertEqual(a, b)


if __name__ == "__main__":
    unittest.main()
