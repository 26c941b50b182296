"""Whole requests: lossd beside FastAPI, beside plain HTTP, and beside itself
with one worker."""
from batches import Batch
from report import Table, Target
from servers import fastapi, load, lossd, plain_http

ROUNDS = 3
CONNECTIONS = 8

# Shape: (against FastAPI, seconds of a round).
JSON = {(8, 10): (6, 1), (64, 100): (12, 1), (1000, 1000): (20, 2)}


def json_table(folder, scratch):
    table = Table("JSON requests", "logits", "bytes in", "bytes out", "requests/s", "p50, µs",
                  "p99, µs", "alone, µs", "FastAPI", "against FastAPI", "FastAPI by hand",
                  "against that",
                  note=f"`cross_entropy` with gradient, {CONNECTIONS} connections, a load "
                       "generator of one thread on the same machine. lossd with 2 workers; "
                       "FastAPI with uvicorn, uvloop, httptools and orjson in 2 processes of one "
                       "thread, the batch validated by pydantic and evaluated by PyTorch; by "
                       "hand: without pydantic, the body given to orjson and PyTorch as it is.")
    with lossd(folder, "--workers", "2") as ours, fastapi(scratch) as theirs:
        for (n, c), (target, seconds) in JSON.items():
            batch = Batch(n, c)
            request = batch.json(scratch)
            runs = [(ours, request), (theirs, request.to("/validated")),
                    (theirs, request.to("/by_hand"))]
            best = [None] * len(runs)
            for _ in range(ROUNDS):
                for i, (server, post) in enumerate(runs):
                    if best[i] and best[i]["seconds"] > 2 * seconds:
                        continue  # so slow that one round is enough
                    figures, reply = load(folder, scratch, server, post, CONNECTIONS, seconds)
                    if not best[i]:
                        batch.check_json(reply, post.path)
                    if not best[i] or figures["per_second"] > best[i]["per_second"]:
                        best[i] = figures
            alone = load(folder, scratch, ours, request, 1, seconds)[0]
            speed = [figures["per_second"] for figures in best]
            table.add(batch.name, request.bytes, best[0]["bytes"], speed[0],
                      1e6 * best[0]["p50_s"], 1e6 * best[0]["p99_s"], 1e6 * alone["p50_s"],
                      speed[1], Target(speed[0] / speed[1], target), speed[2],
                      speed[0] / speed[2])
    return table


def binary_table(folder, scratch):
    table = Table("Binary requests", "logits", "bytes in", "bytes out", "requests/s",
                  "alone, µs", "its JSON on FastAPI", "against that", "plain HTTP",
                  "of plain HTTP",
                  note="The same in the Open Inference Protocol with binary tensors. Plain HTTP "
                       "is a libmicrohttpd handler that reads as many bytes and sends them back.")
    with lossd(folder, "--workers", "2") as ours, fastapi(scratch) as theirs, \
            plain_http(folder) as plain:
        for n, c in ((1000, 1000), (4096, 1000)):
            batch = Batch(n, c)
            request = batch.binary(scratch)
            batch.check_binary(load(folder, scratch, ours, request)[1], "binary")
            best = {}
            for _ in range(ROUNDS):
                for server in (ours, plain):
                    figures = load(folder, scratch, server, request, CONNECTIONS, 1)[0]
                    best[server] = max(best.get(server, 0), figures["per_second"])
            alone = load(folder, scratch, ours, request, 1, 1)[0]
            figures, reply = load(folder, scratch, theirs, batch.json(scratch).to("/validated"),
                                  2, 1)
            batch.check_json(reply, "FastAPI")
            table.add(batch.name, request.bytes, alone["bytes"], best[ours],
                      1e6 * alone["p50_s"], figures["per_second"],
                      Target(best[ours] / figures["per_second"], 100), best[plain],
                      Target(best[ours] / best[plain], 0.6))
    return table


def workers_table(folder, scratch):
    table = Table("Two workers against one", "request", "at once", "one, requests/s",
                  "two, requests/s", "two : one")
    batch = Batch(1000, 1000)
    with lossd(folder, "--workers", "1") as one, lossd(folder, "--workers", "2") as two:
        for name, request in (("JSON", batch.json(scratch)), ("binary", batch.binary(scratch))):
            for at_once, target in ((8, 1.8), (1, 1.6)):
                best = {one: 0, two: 0}
                for _ in range(ROUNDS):
                    for server in best:
                        figures = load(folder, scratch, server, request, at_once, 1.5)[0]
                        best[server] = max(best[server], figures["per_second"])
                ratio = best[two] / best[one]
                table.add(f"{name} {batch.name}", at_once, best[one], best[two],
                          Target(ratio, target) if name == "JSON" else ratio)
    return table


def run(folder, scratch):
    yield json_table(folder, scratch)
    yield binary_table(folder, scratch)
    yield workers_table(folder, scratch)
