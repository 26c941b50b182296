"""Too much, too slow, gone: what the daemon does when clients ask for more than
it has, do not keep up, or hang up."""

import json
import socket
import time
import unittest

from fixture import (
    EXAMPLE,
    InBackground,
    Server,
    head,
    is_sanitized,
    large_body,
    poll,
    read_to_end,
    replies_in,
)

JSON = "Content-Type: application/json"
LARGE = large_body(4000)  # 4 million numbers: some tenths of a second of work


def begin_post(server, length, body=b""):
    """A connection with a head and the beginning of a body."""
    one = server.socket()
    one.sendall(head("POST", "/v1/evaluate", "HTTP/1.1", JSON, "Content-Length: %d" % length))
    one.sendall(body)
    return one


def depth(server):
    return server.stats()["queue"]["depth"]


class FullQueue(unittest.TestCase):
    def test_requests(self):
        with Server("--queue-requests", "2") as server:
            held = [begin_post(server, 100000) for _ in range(2)]
            poll(lambda: depth(server) == 2, "two to be admitted")
            with begin_post(server, 100000) as refused:  # not a byte of its body is sent
                (reply,) = replies_in(read_to_end(refused))
            self.assertEqual((reply.status, reply.code), (503, "queue_full"))
            self.assertGreaterEqual(int(reply.headers["retry-after"]), 1)
            self.assertEqual(server.get("/healthz").status, 200)
            self.assertEqual(server.get("/readyz").status, 503)
            reply = server.get("/v2/health/ready")
            self.assertEqual((reply.status, reply.json["ready"]), (503, False))
            self.assertEqual(server.post(EXAMPLE).status, 200, "small ones need no queue")
            self.assertEqual(server.stats()["queue"]["rejected"]["queue_full"], 1)
            for one in held:
                one.close()
            server.await_idle()
            self.assertEqual(server.get("/readyz").status, 200)

    def test_bytes(self):
        with Server("--queue-bytes", "1MiB", "--max-body", "1MiB") as server:
            with begin_post(server, 900000):
                poll(lambda: server.stats()["queue"]["bytes"] >= 900000, "the memory to be held")
                with begin_post(server, 900000) as refused:
                    (reply,) = replies_in(read_to_end(refused))
            self.assertEqual((reply.status, reply.code), (503, "memory_full"))
            self.assertIn("retry-after", reply.headers)
            server.await_idle()

    def test_chunks_that_find_no_memory(self):
        with Server("--queue-bytes", "1MiB", "--max-body", "1MiB") as server:
            with begin_post(server, 900000), server.socket() as refused:
                refused.sendall(
                    head("POST", "/v1/evaluate", "HTTP/1.1", JSON, "Transfer-Encoding: chunked")
                )
                refused.sendall(b"40000\r\n" + b"x" * 0x40000 + b"\r\n")
                (reply,) = replies_in(read_to_end(refused))
            self.assertEqual((reply.status, reply.code), (503, "memory_full"))
            server.await_idle()


class Load(unittest.TestCase):
    def test_health_is_never_slow(self):
        with Server("--timeout", "10min") as server:
            body = large_body(1000)
            posts = [InBackground(server.post, body) for _ in range(40)]
            slowest = asked = 0
            while any(post.is_alive() for post in posts):
                began = time.monotonic()
                self.assertEqual(server.get("/healthz").status, 200)
                slowest = max(slowest, time.monotonic() - began)
                asked += 1
            self.assertEqual({post.result().status for post in posts}, {200})
            self.assertGreater(asked, 5)
            self.assertLess(slowest, 20.0 if is_sanitized() else 1.0)
            server.await_idle()

    def test_answers_do_not_depend_on_load(self):
        body = large_body(300)
        with Server() as server:
            alone = server.post(body).body
            posts = [InBackground(server.post, body) for _ in range(16)]
            for post in posts:
                self.assertEqual(post.result().body, alone)


class HangUp(unittest.TestCase):
    """In every state of a job its client may go; nothing is left of it."""

    def setUp(self):
        self.server = Server("--workers", "1")
        self.addCleanup(self.server.__exit__, None)

    def cancelled(self):
        return self.server.stats()["queue"]["rejected"]["cancelled"]

    def busy(self):
        return self.server.stats()["workers"]["busy"] == 1

    def test_while_the_head_arrives(self):
        with self.server.socket() as one:
            one.sendall(b"POST /v1/evaluate HTTP/1.1\r\nHost: x\r\nContent-")
        self.server.await_idle()

    def test_while_the_body_arrives(self):
        with begin_post(self.server, len(LARGE), LARGE[:100000]):
            poll(lambda: depth(self.server) == 1, "the job")
        self.server.await_idle()
        self.assertEqual(self.cancelled(), 1)

    def test_while_a_worker_evaluates(self):
        with begin_post(self.server, len(LARGE), LARGE):
            poll(self.busy, "the worker to begin")
        self.server.await_idle()
        self.assertEqual(self.cancelled(), 1)

    def test_while_it_waits_for_a_worker(self):
        first = InBackground(self.server.post, LARGE)
        poll(self.busy, "the worker to begin")
        body = large_body(2)
        with begin_post(self.server, len(body), body):
            poll(lambda: depth(self.server) == 2, "the second to wait")
        poll(lambda: self.cancelled() == 1, "the second to be cancelled")
        self.assertEqual(first.result().status, 200)
        self.server.await_idle()
        self.assertEqual(self.server.stats()["losses"]["cross_entropy"]["count"], 1)

    def test_while_the_reply_is_sent(self):
        with begin_post(self.server, len(LARGE), LARGE) as one:
            self.assertTrue(one.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n"))
        self.server.await_idle()

    def test_many_at_once(self):
        for _ in range(10):
            many = [begin_post(self.server, len(LARGE), LARGE[:200000]) for _ in range(10)]
            for one in many:
                one.close()
        self.server.await_idle()
        self.assertEqual(self.server.post(EXAMPLE).status, 200)


class Deadlines(unittest.TestCase):
    def test_while_evaluated(self):
        with Server() as server:
            reply = server.post(LARGE, headers={"X-Request-Timeout-Ms": "1"})
            self.assertEqual((reply.status, reply.code), (504, "deadline_exceeded"))
            self.assertEqual(server.stats()["queue"]["rejected"]["deadline"], 1)
            server.await_idle()

    def test_while_waiting_it_is_never_run(self):
        with Server("--workers", "1") as server:
            first = InBackground(server.post, LARGE)
            poll(lambda: server.stats()["workers"]["busy"] == 1, "the worker to begin")
            late = server.post(large_body(10), headers={"X-Request-Timeout-Ms": "1"})
            self.assertEqual(late.status, 504)
            self.assertEqual(first.result().status, 200)
            server.await_idle()
            self.assertEqual(server.stats()["losses"]["cross_entropy"]["count"], 1)

    def test_the_client_may_ask_for_less_only(self):
        with Server("--timeout", "1ms") as server:
            reply = server.post(LARGE, headers={"X-Request-Timeout-Ms": "60000"})
            self.assertEqual(reply.status, 504)

    def test_the_connection_serves_on(self):
        with Server() as server:
            connection = server.connection()
            late = server.post(LARGE, headers={"X-Request-Timeout-Ms": "1"}, connection=connection)
            self.assertEqual(late.status, 504)
            self.assertEqual(server.post(EXAMPLE, connection=connection).status, 200)
            connection.close()


def trickle(one, data, pause_s=0.02):
    """Byte by byte, until the server closes; what it said."""
    one.settimeout(pause_s)
    said = b""
    for byte in data:
        try:
            one.sendall(bytes([byte]))
            piece = one.recv(65536)
        except socket.timeout:
            continue
        except (BrokenPipeError, ConnectionResetError):
            return said
        said += piece
        if not piece:
            return said
    raise AssertionError("all of it was taken")


class SlowClients(unittest.TestCase):
    """A byte now and then does not put a deadline off."""

    def test_head(self):
        with Server("--header-time", "300ms") as server, server.socket() as one:
            began = time.monotonic()
            trickle(one, b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 1000)
            self.assertLess(time.monotonic() - began, 5)

    def test_head_of_a_further_request(self):
        with Server("--idle-time", "300ms", "--header-time", "300ms") as server:
            with server.socket() as one:
                one.sendall(head("GET", "/healthz"))
                self.assertIn(b"200 OK", one.recv(65536))
                trickle(one, b"GET /healthz?" + b"x" * 1000)

    def test_silence_after_a_request(self):
        with Server("--idle-time", "100ms") as server, server.socket() as one:
            one.sendall(head("GET", "/healthz"))
            self.assertEqual([r.status for r in replies_in(read_to_end(one))], [200])

    def test_body(self):
        with Server("--body-time", "300ms", "--min-rate", "1000") as server:
            with begin_post(server, 100000) as one:
                (reply,) = replies_in(trickle(one, b"x" * 1000))
            self.assertEqual((reply.status, reply.code), (408, "request_timeout"))
            server.await_idle()

    def test_a_body_that_keeps_up_is_taken(self):
        body = json.dumps(EXAMPLE).encode().ljust(6000)
        with Server("--body-time", "200ms", "--min-rate", "2000") as server:
            with begin_post(server, len(body)) as one:
                for i in range(0, len(body), 500):  # for 0.6 s, at 5000 a second
                    one.sendall(body[i : i + 500])
                    time.sleep(0.05)
                self.assertIn(b"200 OK", one.recv(65536))

    def test_reply_that_is_not_read(self):
        """Its memory is not held for longer than its bytes are worth."""
        with Server("--body-time", "200ms", "--min-rate", "1GiB") as server:
            with server.socket() as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                body = large_body(2000)
                one.sendall(
                    head("POST", "/v1/evaluate", "HTTP/1.1", JSON, "Content-Length: %d" % len(body))
                )
                one.sendall(body)
                server.await_idle()


if __name__ == "__main__":
    unittest.main()
