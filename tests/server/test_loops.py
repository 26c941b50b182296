"""Several loops: what holds for the process holds for all of them together."""

import json
import os
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import unittest

from fixture import BINARY, EXAMPLE, PATIENCE_S, Server, head, is_sanitized, large_body, poll

LOOPS = ("--loops", "3")
GET = head("GET", "/healthz")


def own_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        address = one.getsockname()[0]
    return None if address.startswith(("127.", "0.")) else address


def ask(one, data=GET):
    one.sendall(data)
    return one.recv(65536).split(b"\r\n")[0]


def healthy(server):
    """Each loop counts a request when its reply has gone out."""
    return server.stats()["requests"]["by_route"]["/healthz"]["200"]


def rejected(server, reason):
    return server.stats()["queue"]["rejected"][reason]


class Together(unittest.TestCase):
    def test_counters_are_added_up(self):
        """Each on a thread of its own; a report adds up what they count."""
        with Server(*LOOPS) as server:
            many = [server.socket() for _ in range(40)]
            for one in many:
                self.assertEqual(ask(one), b"HTTP/1.1 200 OK")
            others = 0
            for task in os.listdir("/proc/%d/task" % server.process.pid):
                with open("/proc/%d/task/%s/comm" % (server.process.pid, task)) as file:
                    others += file.read() == "lossd-loop\n"
            self.assertEqual(others, 2)  # beside the main thread
            poll(lambda: healthy(server) == 40, "forty to be counted")
            poll(lambda: server.stats()["connections"]["open"] == 41, "all but that to be closed")
            for one in many:
                one.close()
            poll(lambda: server.stats()["connections"]["open"] == 1, "all to be closed")

    def test_connections_are_limited_in_all(self):
        """However they fall on the loops: room that there is can be used, and no more."""
        with Server("--connections", "6", *LOOPS) as server:
            many = [server.socket() for _ in range(6)]
            for one in many:
                self.assertEqual(ask(one), b"HTTP/1.1 200 OK")
            waiting = server.socket()
            waiting.sendall(GET)
            waiting.settimeout(0.3)
            with self.assertRaises(socket.timeout):
                waiting.recv(1)
            many.pop().close()
            waiting.settimeout(PATIENCE_S)
            self.assertTrue(waiting.recv(65536).startswith(b"HTTP/1.1 200 OK"))
            waiting.close()
            for one in many:
                one.close()

    def test_the_queue_is_limited_in_all(self):
        with Server("--queue-requests", "4", *LOOPS) as server:
            request = head("POST", "/v1/evaluate", "HTTP/1.1", "Content-Length: 100000")
            many = [server.socket() for _ in range(4)]
            for one in many:
                one.sendall(request)
            poll(lambda: server.stats()["queue"]["depth"] == 4, "four to be admitted")
            for _ in range(6):
                with server.socket() as one:
                    self.assertIn(b" 503 ", ask(one, request))
            for one in many:
                one.close()
            server.await_idle()
            poll(lambda: rejected(server, "queue_full") == 6, "six to be counted")

    @unittest.skipUnless(own_address(), "no address but loopback")
    def test_connections_of_one_address(self):
        arguments = ("--connections-per-ip", "4", "--insecure", *LOOPS)
        with Server(*arguments, listen=("0.0.0.0:0",)) as server:
            where = (own_address(), server.port)
            many = [socket.create_connection(where, timeout=PATIENCE_S) for _ in range(4)]
            for one in many:
                self.assertEqual(ask(one), b"HTTP/1.1 200 OK")
            for _ in range(6):
                with socket.create_connection(where, timeout=PATIENCE_S) as one:
                    try:
                        self.assertEqual(ask(one), b"")
                    except ConnectionError:
                        pass
            refused = lambda: server.stats()["connections"]["refused"]  # loopback is free
            poll(lambda: refused() == 6, "six to be counted")
            for one in many:
                one.close()

    @unittest.skipUnless(own_address(), "no address but loopback")
    def test_requests_of_one_address(self):
        """A second's worth at once, and then as they come back; health is free."""
        body = json.dumps(EXAMPLE).encode()
        request = head(
            "POST", "/v1/evaluate", "HTTP/1.1", "Content-Length: %d" % len(body)
        ) + body  # fmt: skip
        arguments = ("--requests-per-ip", "3", "--insecure", *LOOPS)
        with Server(*arguments, listen=("0.0.0.0:0",)) as server:
            where = (own_address(), server.port)
            statuses = []
            for _ in range(12):
                with socket.create_connection(where, timeout=PATIENCE_S) as one:
                    one.sendall(request)
                    answer = one.recv(65536)
                statuses.append(int(answer.split()[1]))
                if statuses[-1] == 429:
                    self.assertIn(b"Retry-After: 1\r\n", answer)
                    self.assertIn(b'"code":"quota_exceeded"', answer)
            self.assertEqual(statuses[:3], [200, 200, 200])
            self.assertIn(429, statuses)
            count = statuses.count(429)
            poll(lambda: rejected(server, "quota") == count, "them to be counted")
            self.assertEqual(server.post(EXAMPLE).status, 200, "loopback is free")
            with socket.create_connection(where, timeout=PATIENCE_S) as one:
                self.assertEqual(ask(one), b"HTTP/1.1 200 OK")
            time.sleep(1.1)
            with socket.create_connection(where, timeout=PATIENCE_S) as one:
                one.sendall(request)
                self.assertEqual(one.recv(65536).split()[1], b"200")

    def test_unix_sockets_are_shared(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "sock")
            with Server(*LOOPS, listen=("127.0.0.1:0", "unix:" + path)) as server:
                for _ in range(20):
                    with socket.socket(socket.AF_UNIX) as one:
                        one.connect(path)
                        self.assertEqual(ask(one), b"HTTP/1.1 200 OK")
                poll(lambda: healthy(server) == 20, "twenty to be counted")
            self.assertFalse(os.path.exists(path))

    def test_sockets_of_a_service_manager_are_shared(self):
        for loops in ("1", "3"):
            with socket.create_server(("127.0.0.1", 0)) as listening:
                port = listening.getsockname()[1]
                # It has descriptor 3, and the number of the process that is meant.
                script = 'exec 3<&%d; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" --loops %s' % (
                    listening.fileno(),
                    loops,
                )
                process = subprocess.Popen(
                    ["/bin/sh", "-c", script, BINARY],
                    pass_fds=[listening.fileno()],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
                self.assertIn(b":%d" % port, process.stdout.readline())
                for _ in range(20):
                    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as one:
                        self.assertEqual(ask(one), b"HTTP/1.1 200 OK")
                process.terminate()
                self.assertEqual(process.wait(PATIENCE_S), 0)
                process.stdout.close()

    def test_tokens_are_read_again_for_all(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("old\n")
            file.flush()
            with Server("--token-file", file.name, *LOOPS) as server:
                old, new = ({"Authorization": "Bearer " + name} for name in ("old", "new"))
                self.assertEqual(server.post(EXAMPLE, headers=new).status, 401)
                file.truncate(0)
                file.seek(0)
                file.write("new\n")
                file.flush()
                server.process.send_signal(signal.SIGHUP)
                poll(lambda: server.post(EXAMPLE, headers=new).status == 200, "the new token")
                for _ in range(12):
                    self.assertEqual(server.post(EXAMPLE, headers=old).status, 401)
                    self.assertEqual(server.post(EXAMPLE, headers=new).status, 200)

    def test_the_same_bytes(self):
        body = large_body(300)
        with Server(*LOOPS) as server:
            self.assertEqual(len({server.post(body).body for _ in range(9)}), 1)

    def test_draining_ends_them_all(self):
        with Server(*LOOPS) as server:
            many = [server.socket() for _ in range(12)]
            for one in many:
                ask(one)
            server.terminate()
            self.assertEqual(server.wait(), 0)
            for one in many:
                self.assertEqual(one.recv(1), b"")
                one.close()


class Idle(unittest.TestCase):
    @unittest.skipIf(is_sanitized(), "a sanitizer's own memory and time are counted as well")
    def test_resident_memory(self):
        with Server() as server:
            server.get("/healthz")
            with open("/proc/%d/status" % server.process.pid, encoding="ascii") as file:
                (line,) = [line for line in file if line.startswith("VmRSS")]
            self.assertLess(int(line.split()[1]), 12 << 10)

    @unittest.skipIf(is_sanitized(), "a sanitizer's own memory and time are counted as well")
    def test_start_to_first_answer(self):
        """Most of it is the system's; the middle of some tries, for machines are busy."""
        times = []
        for _ in range(9):
            began = time.monotonic()
            process = subprocess.Popen(
                [BINARY, "--listen", "127.0.0.1:0"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            port = int(process.stdout.readline().rpartition(b":")[2])
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as one:
                self.assertEqual(ask(one), b"HTTP/1.1 200 OK")
            times.append(time.monotonic() - began)
            process.terminate()
            self.assertEqual(process.wait(PATIENCE_S), 0)
            process.stdout.close()
        self.assertLess(statistics.median(times), 0.05)


if __name__ == "__main__":
    unittest.main()
