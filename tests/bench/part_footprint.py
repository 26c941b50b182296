"""Growth with the size of the request, memory, and the start."""
import http.client
import json
import time

from batches import Batch
from report import Table, Target
from servers import Request, load, lossd, plain_http

MIB = 1 << 20


def growth_table(folder, scratch):
    table = Table("Growth", "elements", "JSON, ns an element", "binary, ns an element",
                  "plain HTTP, ns an element",
                  note="One request of `cross_entropy` with gradient, alone, 1000 classes; the "
                       "least time of several. Plain HTTP moves the bytes of the binary request, "
                       "and does nothing with them.")
    block = Batch(100, 1000)
    rows = ",".join("[" + ",".join("%.6g" % x for x in row) + "]" for row in block.logits)
    targets = ",".join(map(str, block.targets.tolist()))
    times = []
    with lossd(folder, "--workers", "2") as server, plain_http(folder) as plain:
        for repeats in (1, 10, 100, 1000):
            n = 100 * repeats
            body = ('{"loss":"cross_entropy","logits":[' + ",".join([rows] * repeats) +
                    '],"targets":[' + ",".join([targets] * repeats) + "]}").encode()
            text = Request(scratch, "growth.json", "/v1/evaluate", body)
            binary = Batch.repeated(block, repeats).binary(scratch)
            seconds = [load(folder, scratch, to, post, 1, 2e-8 * n * 1000 + 1)[0]["min_s"]
                       for to, post in ((server, text), (server, binary), (plain, binary))]
            times.append([1e9 * s / (1000 * n) for s in seconds])
            table.add(f"10^{len(str(1000 * n)) - 1}", *times[-1])
    spread = [max(column) / min(column) for column in zip(*times)]
    table.add("most : least", Target(spread[0], 1.2, at_most=True),
              Target(spread[1], 1.2, at_most=True), spread[2])
    return table


def memory_table(folder, scratch):
    table = Table("Memory", "request", "body, MiB", "tensor, MiB", "peak, MiB",
                  note="The most that a fresh daemon ever had resident (VmHWM), one request.")
    for n, c in ((1000, 1000), (4096, 1000), (16384, 1000)):
        batch = Batch(n, c)
        for name, request, tensors in (("JSON", batch.json(scratch), 3),
                                       ("binary", batch.binary(scratch), 2)):
            with lossd(folder, "--workers", "2") as server:
                load(folder, scratch, server, request, 1, 0)
                peak = server.memory("VmHWM")
            allowed = request.bytes + tensors * batch.logits.nbytes + 16 * MIB
            table.add(f"{name} {batch.name}", request.bytes / MIB, batch.logits.nbytes / MIB,
                      Target(round(peak / MIB, 1), round(allowed / MIB, 1), at_most=True,
                             form="%.1f"))
    return table


def first_answer_s(folder):
    start = time.perf_counter()
    with lossd(folder) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("POST", "/v1/evaluate",
                           '{"loss": "l1", "input": [1], "targets": [3]}')
        reply = json.load(connection.getresponse())
        seconds = time.perf_counter() - start
    assert reply["loss"] == 2, reply
    return seconds


def idle_table(folder):
    table = Table("Start and rest", "", "")
    table.add("start to first answer, ms",
              Target(1e3 * min(first_answer_s(folder) for _ in range(10)), 50, at_most=True))
    with lossd(folder) as server:
        time.sleep(0.5)
        table.add("idle, MiB resident",
                  Target(server.memory("VmRSS") / MIB, 12, at_most=True))
    return table


def run(folder, scratch):
    yield growth_table(folder, scratch)
    yield memory_table(folder, scratch)
    yield idle_table(folder)
