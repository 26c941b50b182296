"""What a user would run instead: cross entropy and its gradient by PyTorch
behind FastAPI and uvicorn, with uvloop, httptools and, where it is, orjson.

    fastapi_server.py PORT PROCESSES THREADS

/validated is FastAPI as its manual teaches it: the model declares the types.
/by_hand leaves pydantic out: the body goes to the JSON parser and from there
to a tensor, which is the fastest that FastAPI can do.
"""
import os
import sys
from typing import List

import torch
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

try:
    import orjson

    from fastapi.responses import ORJSONResponse as Reply

    loads = orjson.loads
except ImportError:
    import json

    Reply, loads = JSONResponse, json.loads

app = FastAPI()
torch.set_num_threads(int(os.environ.get("BENCH_THREADS", "1")))


class Evaluation(BaseModel):
    loss: str
    logits: List[List[float]]
    targets: List[int]


def evaluate(logits, targets):
    x = torch.tensor(logits, dtype=torch.float32, requires_grad=True)
    y = torch.tensor(targets)
    if x.dim() != 2 or y.shape != x.shape[:1] or y.dtype != torch.int64:
        raise HTTPException(422, "expected logits (n, c) and n targets")
    loss = torch.nn.functional.cross_entropy(x, y)
    loss.backward()
    return Reply({"loss": loss.item(), "gradients": {"logits": x.grad.tolist()}})


@app.post("/validated")
def validated(evaluation: Evaluation):
    return evaluate(evaluation.logits, evaluation.targets)


@app.post("/by_hand")
async def by_hand(request: Request):
    body = loads(await request.body())
    if body.get("loss") != "cross_entropy":
        raise HTTPException(422, "expected cross_entropy")
    return evaluate(body["logits"], body["targets"])


if __name__ == "__main__":
    port, processes, threads = sys.argv[1:4]
    os.environ["BENCH_THREADS"] = threads
    uvicorn.run("fastapi_server:app", host="127.0.0.1", port=int(port), workers=int(processes),
                loop="uvloop", http="httptools", access_log=False, log_level="warning",
                app_dir=os.path.dirname(os.path.abspath(__file__)))
