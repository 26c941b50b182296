#!/usr/bin/env python3
"""Records what clients of the Open Inference Protocol send, byte for byte.

    python3 -m venv /tmp/venv
    /tmp/venv/bin/pip install 'tritonclient[http]==2.73.0' kserve==0.21.0 ml_dtypes
    /tmp/venv/bin/python tests/oip/record.py build/lossd

Each exchange becomes two files: NAME.request, all that came over the socket, and
NAME.reply, what tests/server/test_oip.py compares of the answer.  An exchange is
only kept if the client understood the answer: losses and gradients are compared
with float64 arithmetic here, errors with what they should say.
"""
import asyncio
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import ml_dtypes
import numpy as np

HERE = pathlib.Path(__file__).parent
SERVER, PROXY = 18438, 18439
rng = np.random.default_rng(7)

LOGITS = rng.normal(size=(4, 5)).astype(np.float32)
TARGETS = np.array([0, 4, 2, 2])


# ---- A proxy that writes down -----------------------------------------------


def read_message(one):
    """Head and body of one HTTP message with Content-Length, or None at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = one.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields.get(b"content-length", 0)):
        body += one.recv(65536)
    return head, fields, body


def summary(head, fields, body):
    """What a client looks at, without what differs from run to run."""
    lines = [head.split(b"\r\n")[0].split(b" ")[1]]
    for name in (b"content-type", b"inference-header-content-length"):
        if name in fields:
            lines.append(name + b": " + fields[name])
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class Proxy(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", PROXY))
        self.name_of_next = None
        self.kept = []
        self.start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, socket.create_connection(("127.0.0.1", SERVER)) as server:
            while message := read_message(client):
                request = message[0] + b"\r\n\r\n" + message[2]
                server.sendall(request)
                head, fields, body = read_message(server)
                (HERE / f"{self.case}.request").write_bytes(request)
                (HERE / f"{self.case}.reply").write_bytes(summary(head, fields, body))
                client.sendall(head + b"\r\n\r\n" + body)


# ---- What the answers should be -----------------------------------------------


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy(logits, targets):
    p = softmax(np.asarray(logits, np.float64))
    rows = np.arange(len(targets))
    gradient = p.copy()
    gradient[rows, targets] -= 1
    return -np.log(p[rows, targets]), gradient


def bce(logits, targets, mask):
    z, t, m = (np.asarray(a, np.float64) for a in (logits, targets, mask))
    p = 1 / (1 + np.exp(-z))
    return (np.log1p(np.exp(z)) - z * t)[m > 0].mean(), (p - t) * m / m.sum()


def expect_near(found, expected, what, tolerance=1e-6):
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert np.allclose(found, expected, rtol=tolerance, atol=tolerance), (what, found, expected)


def expect_cross_entropy(loss, gradient, logits=LOGITS):
    losses, expected = cross_entropy(logits, TARGETS)
    expect_near(loss, [losses.mean()], "loss")
    if gradient is not None:
        expect_near(gradient, expected / len(TARGETS), "gradient")


# ---- tritonclient ----------------------------------------------------------------


def record_triton(proxy):
    import tritonclient.http as triton
    from tritonclient.utils import InferenceServerException

    client = triton.InferenceServerClient(f"127.0.0.1:{PROXY}")
    CE = "cross_entropy"

    def tensor(name, values, datatype, binary=True):
        made = triton.InferInput(name, list(values.shape), datatype)
        made.set_data_from_numpy(values, binary_data=binary)
        return made

    def plain(binary=True):
        return [tensor("logits", LOGITS, "FP32", binary), tensor("targets", TARGETS, "INT64", binary)]

    def wish(*names, binary=True, **more):
        return [triton.InferRequestedOutput(name, binary_data=binary, **more) for name in names]

    def infer(case, model, inputs, **more):
        proxy.case = "triton_" + case
        return client.infer(model, inputs, **more)

    def refused(case, status, words, model, inputs, **more):
        try:
            infer(case, model, inputs, **more)
        except InferenceServerException as error:
            assert error.status() == str(status) and words in error.message(), error
            return
        raise AssertionError(case)

    def ask(case, function, *arguments, **more):
        proxy.case = "triton_" + case
        return function(*arguments, **more)

    assert ask("live", client.is_server_live)
    assert ask("ready", client.is_server_ready)
    assert ask("model_ready", client.is_model_ready, CE)
    assert ask("model_ready_version", client.is_model_ready, CE, "1")
    assert not ask("model_not_there", client.is_model_ready, "cross_entropie")
    assert "binary_tensor_data" in ask("server", client.get_server_metadata)["extensions"]
    model = ask("model", client.get_model_metadata, CE, "1")
    assert model["name"] == CE and model["inputs"][0]["name"] == "logits"

    names = ("loss", "gradient_logits")
    result = infer("binary", CE, plain(), outputs=wish(*names), request_id="step-1")
    assert result.get_response()["id"] == "step-1"
    expect_cross_entropy(*map(result.as_numpy, names))
    result = infer("all_outputs", CE, plain(), parameters={"diagnostics": "off"})
    expect_cross_entropy(*map(result.as_numpy, names))
    result = infer("json", CE, plain(False), outputs=wish(*names, binary=False))
    expect_cross_entropy(*map(result.as_numpy, names))
    result = infer("mixed", CE, [plain()[0], plain(False)[1]], model_version="1",
                   outputs=wish("loss", binary=False) + wish("gradient_logits"))
    expect_cross_entropy(*map(result.as_numpy, names))
    # An odd count of bytes before the logits: they are not aligned.
    result = infer("unaligned", CE,
                   [tensor("mask", np.array([1, 1, 1, 1], np.uint8), "UINT8"),
                    tensor("targets", TARGETS.astype(np.int32), "INT32"),
                    tensor("logits", LOGITS.astype(np.float64), "FP64")],
                   outputs=wish(*names))
    assert result.as_numpy("loss").dtype == np.float64
    expect_cross_entropy(*map(result.as_numpy, names))
    half = LOGITS.astype(np.float16)
    result = infer("half", CE, [tensor("logits", half, "FP16"), plain()[1]], outputs=wish(*names))
    expect_cross_entropy(*map(result.as_numpy, names), half)
    brain = LOGITS.astype(ml_dtypes.bfloat16)
    result = infer("bfloat16", CE, [tensor("logits", brain, "BF16"), plain()[1]],
                   outputs=wish(*names))
    expect_cross_entropy(*map(result.as_numpy, names), brain)
    mask = np.array([[True, False, True, True, True]] * 4)
    hits = rng.integers(0, 2, (4, 5)).astype(np.uint8)
    result = infer("bool", "bce_with_logits",
                   [tensor("mask", mask, "BOOL"), plain()[0], tensor("targets", hits, "UINT8")],
                   outputs=wish(*names))
    loss, gradient = bce(LOGITS, hits, mask)
    expect_near(result.as_numpy("loss"), [loss], "bce")
    expect_near(result.as_numpy("gradient_logits"), gradient, "gradient of bce")
    result = infer("parameters", CE, plain(), outputs=wish("loss"),
                   parameters={"reduction": "none", "label_smoothing": 0.0, "dtype": "float64"})
    expect_near(result.as_numpy("loss"), cross_entropy(LOGITS, TARGETS)[0], "unreduced")
    result = infer("diagnostics", CE, plain(), outputs=wish("diagnostics"))
    assert b'"verdict":"ok"' in result.as_numpy("diagnostics")[0]
    result = infer("gzip", CE, plain(), outputs=wish(*names), request_compression_algorithm="gzip")
    expect_cross_entropy(*map(result.as_numpy, names))

    refused("no_such_output", 422, "expected loss", CE, plain(), outputs=wish("logits"))
    refused("classification", 422, "no such member", CE, plain(), outputs=wish("loss", class_count=2))
    refused("priority", 422, "not served", CE, plain(), priority=1)
    refused("sequence", 422, "not served", CE, plain(), sequence_id=3)
    refused("no_such_model", 404, "did you mean", "cross_entrop", plain())
    refused("no_such_version", 404, "there is no", CE, plain(), model_version="2")
    refused("targets_out_of_range", 422, "expected a class index", CE,
            [plain()[0], tensor("targets", TARGETS + 1, "INT64")], outputs=wish("loss"))


# ---- KServe -------------------------------------------------------------------------


async def record_kserve(proxy):
    from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
    from kserve.protocol.infer_type import RequestedOutput

    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    url = f"http://127.0.0.1:{PROXY}"

    def request(binary, **more):
        inputs = [InferInput("logits", list(LOGITS.shape), "FP32"),
                  InferInput("targets", list(TARGETS.shape), "INT64")]
        for one, values in zip(inputs, (LOGITS, TARGETS)):
            one.set_data_from_numpy(values, binary_data=binary)
        return InferRequest("cross_entropy", inputs, request_id="k-1", **more)

    async def infer(case, made):
        proxy.case = "kserve_" + case
        reply = await client.infer(url, made, model_name="cross_entropy")
        outputs = {output.name: output.as_numpy() for output in reply.outputs}
        assert reply.id == "k-1"
        return outputs["loss"], outputs.get("gradient_logits")

    async def ask(case, call):
        proxy.case = "kserve_" + case
        return await call

    assert await ask("live", client.is_server_live(url))
    assert await ask("ready", client.is_server_ready(url))
    assert await ask("model_ready", client.is_model_ready(url, "cross_entropy"))
    off = {"diagnostics": "off"}
    expect_cross_entropy(*await infer("json", request(False, parameters=off)))
    expect_cross_entropy(*await infer("binary", request(True, parameters=off)))
    expect_cross_entropy(*await infer("binary_output", request(
        True, request_outputs=[RequestedOutput("loss", {"binary_data": True}),
                               RequestedOutput("gradient_logits", {"binary_data": False})])))


def main():
    server = subprocess.Popen([sys.argv[1], "--listen", f"127.0.0.1:{SERVER}", "--log-level", "error"])
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{SERVER}/healthz")
                break
            except OSError:
                time.sleep(0.05)
        proxy = Proxy()
        record_triton(proxy)
        asyncio.run(record_kserve(proxy))
    finally:
        server.terminate()
        server.wait()
    print(f"{len(list(HERE.glob('*.request')))} exchanges recorded")


if __name__ == "__main__":
    main()
