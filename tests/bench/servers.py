"""The servers under load, and the load."""
import copy
import json
import os
import socket
import subprocess
import sys
import time

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def is_listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A process that listens on self.port; ends with the with statement."""

    def __init__(self, command, port, **environment):
        self.port = port
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL,
                                        env={**os.environ, **environment})
        while not is_listening(port):
            assert self.process.poll() is None, f"{command} has ended"
            time.sleep(0.0002)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def memory(self, name):
        """A line of /proc/PID/status in bytes: VmRSS, VmHWM."""
        with open(f"/proc/{self.process.pid}/status") as file:
            line = next(line for line in file if line.startswith(name + ":"))
        return 1024 * int(line.split()[1])


def lossd(folder, *settings):
    port = free_port()
    return Server([os.path.join(folder, "lossd"), "--listen", f"127.0.0.1:{port}",
                   "--log-level", "warn", "--max-body", "4GiB", "--queue-bytes", "16GiB",
                   "--max-elements", "200000000", "--min-rate", "1", "--timeout", "10min",
                   *settings], port)


def fastapi(scratch, processes=2, threads=1):
    port = free_port()
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fastapi_server.py")
    server = Server([sys.executable, "-B", script, str(port), str(processes), str(threads)], port,
                    PYTHONPATH=os.path.join(scratch, "python"))
    time.sleep(5)  # the socket listens before the processes have loaded PyTorch
    return server


def plain_http(folder):
    port = free_port()
    return Server([os.path.join(folder, "tests/bench/plain_http"), str(port)], port)


class Request:
    """A POST, its body in a file, for tests/bench/load."""

    def __init__(self, scratch, name, path, body, *headers):
        self.path, self.headers, self.bytes = path, headers, len(body)
        self.file = os.path.join(scratch, name)
        with open(self.file, "wb") as file:
            file.write(body)

    def to(self, path):
        """The same body for another server."""
        other = copy.copy(self)
        other.path = path
        return other


def load(folder, scratch, server, request, connections=1, seconds=1):
    """What tests/bench/load measures, if it has a time for it, and the body of an answer."""
    reply = os.path.join(scratch, "reply")
    line = subprocess.run([os.path.join(folder, "tests/bench/load"), str(server.port),
                           request.path, request.file, str(connections), str(seconds), reply,
                           *request.headers], check=True, stdout=subprocess.PIPE).stdout
    with open(reply, "rb") as file:
        return json.loads(line or "null"), file.read()
