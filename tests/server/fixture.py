"""A lossd under test: the real binary on a free port, asked over real sockets.

    with Server("--workers", "1") as server:
        reply = server.post({"loss": "mse", "input": [0], "targets": [1]})

LOSSD_BIN names the binary (default: build/lossd of this checkout).
"""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "api"))
from check_replies import Contract

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("LOSSD_BIN", os.path.join(ROOT, "build", "lossd"))

# Nothing here takes longer unless it hangs.
PATIENCE_S = 60

with open(os.path.join(ROOT, "api", "openapi.json"), encoding="utf-8") as file:
    CONTRACT = Contract(json.load(file))

# Larger replies are not held against the contract, for that would take long.
CHECKED_BYTES_MAX = 1 << 16


def is_sanitized():
    """Sanitizers look at every byte that is copied: nothing is fast then."""
    with open(BINARY, "rb") as file:
        binary = file.read()
    return b"__tsan_init" in binary or b"__asan_init" in binary

EXAMPLE = {
    "loss": "cross_entropy",
    "logits": [[0.2, 0.3, 0.4], [-0.02, -0.13, 0.2], [0.5, -0.3, 0.73]],
    "targets": [0, 2, 1],
}


def large_body(rows, classes=1000):
    """A cross entropy of rows x classes numbers, as JSON text made quickly."""
    row = "[" + ",".join("%.2f" % (i % 97 / 10) for i in range(classes)) + "]"
    targets = ",".join(str(i % classes) for i in range(rows))
    text = '{"loss": "cross_entropy", "logits": [%s], "targets": [%s]}' % (
        ",".join([row] * rows),
        targets,
    )
    return text.encode()


def poll(condition, what, seconds=PATIENCE_S):
    """Wait until condition() is true, and return what it gave."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError("waited in vain: " + what)
        time.sleep(0.005)


class Reply:
    """Status, headers by lower-case name, body."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["code"]


class Server:
    def __init__(self, *arguments, environment=None, listen=("127.0.0.1:0",), stderr=None):
        command = [BINARY]
        for address in listen:
            command += ["--listen", address]
        command += arguments
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=stderr or self.log,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.addresses = []
        for _ in listen:
            line = self.process.stdout.readline()
            found = re.search(r"listens on (?:http://)?(\S+)", line)
            if not found:
                self.process.wait(PATIENCE_S)
                text = self.log_text()
                self.close_files()
                raise AssertionError("lossd does not start: " + text)
            self.addresses.append(found.group(1))
        self.host, _, port = self.addresses[0].rpartition(":")
        self.port = int(port) if port.isdigit() else None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            text = self.log_text()
            self.close_files()
        if kind is None and status != 0:
            raise AssertionError("lossd ended with %d: %s" % (status, text[-4000:]))

    def close_files(self):
        self.process.stdout.close()
        self.log.close()

    # ---- asking ----------------------------------------------------------

    def connection(self):
        return http.client.HTTPConnection(self.host.strip("[]"), self.port, timeout=PATIENCE_S)

    def request(self, method, path, body=None, headers=None, connection=None):
        one = connection or self.connection()
        one.request(method, path, body=body, headers=headers or {})
        response = one.getresponse()
        reply = Reply(response.status, response.getheaders(), response.read())
        if connection is None:
            one.close()
        check_contract(method, path, reply)
        return reply

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, document, path="/v1/evaluate", headers=None, **more):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.request(
            "POST", path, body, {"Content-Type": "application/json", **(headers or {})}, **more
        )

    def stats(self):
        return self.get("/stats").json

    def metrics(self, accept="text/plain"):
        return self.get("/metrics", headers={"Accept": accept}).body.decode()

    # ---- raw sockets -----------------------------------------------------

    def socket(self):
        return socket.create_connection((self.host.strip("[]"), self.port), timeout=PATIENCE_S)

    def raw(self, data):
        """Send bytes on a fresh connection; the replies until it is closed.
        The connection must be one that the server closes."""
        with self.socket() as one:
            one.sendall(data)
            return replies_in(read_to_end(one))

    # ---- the process -----------------------------------------------------

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        return self.process.wait(PATIENCE_S)

    def log_text(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read()

    def log_lines(self):
        return [json.loads(line) for line in self.log_text().splitlines()]

    def await_idle(self):
        """No request but the one that asks, nothing held for any."""

        def idle():
            stats = self.stats()
            return (
                stats["requests"]["in_flight"] == 1
                and stats["queue"]["depth"] == 0
                and stats["queue"]["bytes"] == 0
                and stats["workers"]["busy"] == 0
            )

        poll(idle, "the end of all requests")


def check_contract(method, path, reply):
    """What a client of the published contract may rely on."""
    kind = reply.headers.get("content-type", "")
    if len(reply.body) > CHECKED_BYTES_MAX or method == "HEAD" or "json" not in kind:
        return
    if "content-encoding" in reply.headers:
        return
    problem = CONTRACT.problem_of(
        {
            "method": method,
            "path": urllib.parse.unquote(path.partition("?")[0]),
            "status": reply.status,
            "type": kind,
            "body": reply.json,
        }
    )
    if problem:
        raise AssertionError("%s %s %d: %s" % (method, path, reply.status, problem))


def read_to_end(one):
    data = b""
    while True:
        try:
            piece = one.recv(65536)
        except ConnectionResetError:
            return data
        if not piece:
            return data
        data += piece


def replies_in(data):
    """Split what came back on a connection into replies, by Content-Length."""
    replies = []
    while data:
        head, separator, data = data.partition(b"\r\n\r\n")
        if not separator:
            raise AssertionError("half a reply: %r" % head)
        lines = head.decode().split("\r\n")
        status = int(lines[0].split()[1])
        headers = [line.split(": ", 1) for line in lines[1:]]
        if status == 100:
            continue
        length = int(dict((name.lower(), value) for name, value in headers)["content-length"])
        replies.append(Reply(status, headers, data[:length]))
        data = data[length:]
    return replies


def head(method="POST", path="/v1/evaluate", version="HTTP/1.1", *headers):
    """The head of a request as bytes, with a Host unless headers bring one."""
    lines = ["%s %s %s" % (method, path, version)]
    if not any(line.lower().startswith("host") for line in headers):
        lines.append("Host: localhost")
    return ("\r\n".join(lines + list(headers)) + "\r\n\r\n").encode()


class InBackground(threading.Thread):
    """Calls something on a thread; result() waits for what it returned or raised."""

    def __init__(self, function, *arguments, **more):
        super().__init__(daemon=True)
        self.call = lambda: function(*arguments, **more)
        self.value = self.error = None
        self.start()

    def run(self):
        try:
            self.value = self.call()
        except BaseException as error:  # to be raised where result() is called
            self.error = error

    def result(self):
        self.join(PATIENCE_S)
        if self.is_alive():
            raise AssertionError("no answer")
        if self.error:
            raise self.error
        return self.value


class ServerTest(unittest.TestCase):
    """Tests that share one server; `arguments` are its settings."""

    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.arguments)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)
