#!/usr/bin/env python3
"""Records the cases of this folder with the reference implementation.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install safetensors==0.8.0 numpy ml_dtypes
    /tmp/venv/bin/python tests/safetensors/record.py build/lossd

Each case is a folder: request.safetensors as the reference writes it, the JSON
reply to it, and the reply as a safetensors file.  A reply is only kept if the
reference reads it and finds the numbers of the JSON reply in it, and if the
JSON reply is that to the same request posted as JSON.
"""
import json
import pathlib
import subprocess
import sys
import time
import urllib.request

import ml_dtypes  # the type bfloat16 of numpy
import numpy as np
from safetensors import safe_open
from safetensors.numpy import load, save

HERE = pathlib.Path(__file__).parent
FILE = "application/vnd.safetensors"
rng = np.random.default_rng(20240229)


def floats(*shape, scale=2):
    """Numbers that float16 and bfloat16 hold exactly as well."""
    return np.round(rng.normal(scale=scale, size=shape) * 16) / 16


INF = float("inf")
# Name: the request without its tensors, and these with their types.  Diagnostics
# are off unless a case asks for them: they have tests of their own.
CASES = {
    "plain": (
        {"loss": "cross_entropy", "id": "step-1", "diagnostics": "auto"},
        {"logits": ("float32", floats(5, 7)), "targets": ("int64", [0, 6, 3, 2, 2])},
    ),
    "unreduced_float64": (
        {"loss": {"name": "cross_entropy", "reduction": "none"}, "dtype": "float64"},
        {"logits": ("float64", floats(3, 4) / 3), "targets": ("int32", [3, 0, 1])},
    ),
    "halves": (
        {"loss": "bce_with_logits", "gradient": ["logits"]},
        {
            "logits": ("float16", floats(2, 9)),
            "targets": ("uint8", rng.integers(0, 2, (2, 9))),
            "mask": ("bool", rng.integers(0, 2, (2, 9))),
        },
    ),
    "bfloat16": (
        {"loss": {"name": "mse", "reduction": "sum"}},
        {"input": (ml_dtypes.bfloat16, floats(17)), "targets": ("float32", floats(17))},
    ),
    "not_finite": (
        {"loss": "cross_entropy", "id": 7},
        {
            "logits": ("float32", [[1.0, 2.0], [-INF, -INF], [INF, 0.0]]),
            "targets": ("int64", [0, 1, 1]),
        },
    ),
    "no_element": (
        {"loss": {"name": "l1", "reduction": "sum"}},
        {"input": ("float32", np.zeros((0, 3))), "targets": ("float32", np.zeros((0, 3)))},
    ),
    "scalars": (
        {"loss": "mse", "targets": 1.5},
        {"input": ("float32", 3.25)},
    ),
    "wide_sum": (
        {"loss": {"name": "mse", "reduction": "sum"}, "gradient": False},
        {"input": ("float32", [1.5e19, 1.5e19]), "targets": ("float32", [0, 0])},
    ),
    "class_weights": (
        {"loss": {"name": "cross_entropy", "weight": {"from": "inverse_frequency"}}},
        {"logits": ("float32", floats(6, 3)), "targets": ("int64", [0, 1, 2, 2, 1, 2])},
    ),
    "sum_of_terms": (
        {
            "loss": {
                "terms": [
                    {"loss": "cross_entropy"},
                    {"weight": 0.5, "loss": "dice",
                     "inputs": {"logits": "mask logits", "targets": "shape"}},
                ]
            }
        },
        {
            "logits": ("float32", floats(4, 3)),
            "targets": ("int64", [0, 2, 1, 1]),
            "mask logits": ("float16", floats(2, 6)),
            "shape": ("uint8", rng.integers(0, 2, (2, 6))),
        },
    ),
    "batch": (
        {
            "id": "two and a problem",
            "batch": [
                {"loss": "cross_entropy", "id": "a"},
                {"loss": "l1", "input": [1, 2, 4], "targets": [1, 1, 1]},
                {"loss": {"name": "cross_entropy", "reduction": "none"}},
            ],
            "nonfinite": "null",
        },
        {
            "logits": ("float32", floats(2, 3)),
            "targets": ("int64", [2, 9]),
            "2.logits": ("float64", floats(4, 2)),
            "2.targets": ("uint8", [1, 0, 0, 1]),
        },
    ),
}


def request_file(text, tensors):
    given = {name: np.asarray(values).astype(dtype) for name, (dtype, values) in tensors.items()}
    return save(given, {"lossd": json.dumps(text)})


def spell(value):
    return value if np.isfinite(value) else str(value).replace("inf", "Infinity").replace("nan", "NaN")


def nested(values):
    return [nested(one) for one in values] if np.ndim(values) else spell(values)


def request_json(text, tensors):
    text = json.loads(json.dumps(text))
    for name, (_, values) in tensors.items():
        item, _, member = name.partition(".")
        owner = text["batch"][int(item)] if member else text
        values = np.asarray(values).astype(float)
        owner[member or name] = {"shape": values.shape, "data": nested(values.reshape(-1))}
    return json.dumps(text).encode()


def post(url, body, media, accept):
    headers = {"Content-Type": media, "Accept": accept}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as reply:
        assert reply.headers["Content-Type"] == accept, reply.headers["Content-Type"]
        return reply.read()


def numbers(value, dtype):
    """JSON numbers as an array; strings are NaN and infinities, null is NaN."""
    return np.asarray(value, object).astype(dtype)


def check_tensor(tensors, name, value):
    tensor = tensors.pop(name)
    expected = numbers(value, tensor.dtype).reshape(tensor.shape)
    assert tensor.tobytes() == expected.tobytes() or (
        np.isnan(tensor) == np.isnan(expected)).all() and (
        (tensor == expected) | np.isnan(tensor)).all(), (name, tensor, expected)


def check_result(rest, result, tensors, prefix):
    if "status" not in result:
        check_tensor(tensors, prefix + "loss", result.pop("loss"))
        for name, gradient in result.pop("gradients", {}).items():
            check_tensor(tensors, prefix + "gradient_" + name, gradient)
    assert rest == result, (rest, result)


def check_reply(path, reply):
    """What the reference reads in our file is what our JSON says."""
    with safe_open(path, framework="np") as file:
        rest = json.loads(file.metadata()["lossd"])
    tensors = load(path.read_bytes())
    if "results" in reply:
        for index, pair in enumerate(zip(rest.pop("results"), reply.pop("results"), strict=True)):
            check_result(*pair, tensors, f"{index}.")
        assert rest == reply, (rest, reply)
    else:
        check_result(rest, reply, tensors, "")
    assert not tensors, tensors
    assert int.from_bytes(path.read_bytes()[:8], "little") % 8 == 0


def record(url, name, text, tensors):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    file = request_file(text, tensors)
    reply = post(url, file, FILE, "application/json")
    plain = post(url, request_json(text, tensors), "application/json", "application/json")
    assert json.loads(reply) == json.loads(plain), (name, reply, plain)
    (folder / "request.safetensors").write_bytes(file)
    (folder / "reply.json").write_bytes(reply)
    (folder / "reply.safetensors").write_bytes(post(url, file, FILE, FILE))
    check_reply(folder / "reply.safetensors", json.loads(reply))
    print(f"{name}: {len(file)} bytes, answered with {len(reply)} of JSON")


def main():
    port = 18437
    server = subprocess.Popen([sys.argv[1], "--listen", f"127.0.0.1:{port}", "--log-level", "error"])
    try:
        url = f"http://127.0.0.1:{port}/v1/evaluate"
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz")
                break
            except OSError:
                time.sleep(0.05)
        for name, (text, tensors) in CASES.items():
            record(url, name, {"diagnostics": "off", **text}, tensors)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
