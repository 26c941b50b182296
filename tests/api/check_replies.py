#!/usr/bin/env python3
"""Holds replies against the published contract.

    check_replies.py openapi.json replies.jsonl

Each line of the replies is {"method", "path", "status", "type", "body"}.  A
reply is right if the contract has its route, that status and that media type,
and the body fits the schema there.  The examples of requests in the contract
must fit their own schema, and wrong requests must not.
"""
import json
import re
import sys

from jsonschema import Draft202012Validator

# What the schema itself must refuse, so that it is known to say something.
WRONG_REQUESTS = [
    {},
    {"loss": 3, "logits": [1]},
    {"loss": {"gamma": 2}, "logits": [1]},
    {"loss": {"name": "sigmoid_focal", "gamma": -1}, "logits": [1]},
    {"loss": {"name": "sigmoid_focal", "gama": 1}, "logits": [1]},
    {"loss": {"name": "cross_entropy", "reduction": "batchmean"}, "logits": [1]},
    {"loss": {"name": "cross_entropy", "weight": {"from": "nothing"}}, "logits": [1]},
    {"loss": {"terms": [{"weight": 1}]}, "logits": [1]},
    {"loss": "l1", "input": "many", "targets": 1},
    {"loss": "l1", "input": {"shape": [1]}, "targets": 1},
    {"loss": "l1", "input": 1, "targets": 1, "dtype": "float8"},
    {"loss": "l1", "input": 1, "targets": 1, "gradient": "input"},
]


class Contract:
    def __init__(self, document):
        self.document = document
        self.validators = {}

    def validator(self, schema):
        """One for each schema, which refers to the components by '#/components'."""
        key = json.dumps(schema, sort_keys=True)
        if key not in self.validators:
            whole = {"allOf": [schema], "components": self.document["components"]}
            self.validators[key] = Draft202012Validator(whole)
        return self.validators[key]

    def component(self, name):
        return self.validator({"$ref": "#/components/schemas/" + name})

    def operation(self, method, path):
        for template, methods in self.document["paths"].items():
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path):
                return methods.get("get" if method == "HEAD" else method.lower())
        return None

    def problem_of(self, reply):
        """Why a reply is not what the contract promises; None if it is."""
        operation = self.operation(reply["method"], reply["path"])
        if operation is None:
            if reply["status"] not in (404, 405):
                return "the contract has no such operation"
            return first_error(self.component("Problem"), reply["body"])
        responses = operation["responses"]
        response = responses.get(str(reply["status"])) or responses.get("default")
        if response is None:
            return "the contract has no such status"
        media = reply["type"].split(";")[0]
        if media not in response["content"]:
            return f"the contract has no {media} here"
        return first_error(self.validator(response["content"][media]["schema"]), reply["body"])


def first_error(validator, value):
    for error in validator.iter_errors(value):
        best = error
        while best.context:
            best = max(best.context, key=lambda e: len(e.absolute_path))
        return f"{best.json_path}: {best.message}"[:400]
    return None


def check_schemas(contract):
    for name, schema in contract.document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        for reference in re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(schema)):
            if reference not in contract.document["components"]["schemas"]:
                yield f"{name} refers to {reference}, which is not there"


def check_requests(contract):
    request = contract.component("EvaluateRequest")
    post = contract.document["paths"]["/v1/evaluate"]["post"]
    examples = post["requestBody"]["content"]["application/json"]["examples"]
    for name, example in examples.items():
        error = first_error(request, example["value"])
        if error:
            yield f"the example of {name} does not fit its schema: {error}"
    for wrong in WRONG_REQUESTS:
        if request.is_valid(wrong):
            yield f"the schema lets {json.dumps(wrong)} pass"


def check_replies(contract, lines):
    for number, line in enumerate(lines, 1):
        reply = json.loads(line)
        error = contract.problem_of(reply)
        if error:
            yield (f"reply {number}: {reply['method']} {reply['path']} {reply['status']}: {error}\n"
                   f"    {json.dumps(reply['body'])[:400]}")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        contract = Contract(json.load(file))
    with open(sys.argv[2], encoding="utf-8") as file:
        lines = file.readlines()
    errors = [*check_schemas(contract), *check_requests(contract), *check_replies(contract, lines)]
    for error in errors:
        print(error, file=sys.stderr)
    print(f"{len(lines)} replies held against the contract, {len(errors)} errors")
    return 1 if errors or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
