"""Stopping: what was admitted is answered, then the daemon exits 0."""

import signal
import socket
import time
import unittest

from fixture import EXAMPLE, InBackground, Server, head, large_body, poll, read_to_end, replies_in

LARGE = large_body(3000)


def admitted(server, count):
    poll(lambda: server.stats()["queue"]["depth"] == count, "%d to be admitted" % count)


class Drain(unittest.TestCase):
    def test_idle(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Server() as server:
                server.post(EXAMPLE)
                server.process.send_signal(number)
                self.assertEqual(server.wait(), 0)

    def test_under_load_what_was_admitted_is_answered(self):
        with Server("--workers", "1") as server:
            posts = [InBackground(server.post, LARGE) for _ in range(8)]
            admitted(server, 8)
            server.terminate()
            for post in posts:
                reply = post.result()
                self.assertEqual(reply.status, 200)
                self.assertEqual(reply.headers["connection"].lower(), "close")
            self.assertEqual(server.wait(), 0)
            self.assertIn('"msg":"stopped"', server.log_text())

    def test_with_several_loops(self):
        with Server("--loops", "2") as server:
            posts = [InBackground(server.post, LARGE) for _ in range(6)]
            admitted(server, 6)
            server.terminate()
            self.assertEqual({post.result().status for post in posts}, {200})
            self.assertEqual(server.wait(), 0)

    def test_a_body_that_is_arriving_is_awaited(self):
        with Server() as server:
            with server.socket() as one:
                one.sendall(
                    head("POST", "/v1/evaluate", "HTTP/1.1", "Content-Type: application/json",
                         "Content-Length: %d" % len(LARGE))
                )  # fmt: skip
                one.sendall(LARGE[:1000])
                admitted(server, 1)
                server.terminate()
                poll(lambda: "stopping" in server.log_text(), "the signal")
                one.sendall(LARGE[1000:])
                self.assertEqual([r.status for r in replies_in(read_to_end(one))], [200])
            self.assertEqual(server.wait(), 0)

    def test_new_connections_are_refused(self):
        with Server("--workers", "1") as server:
            posts = [InBackground(server.post, LARGE) for _ in range(4)]
            admitted(server, 4)
            server.terminate()

            def refused():
                try:
                    server.socket().close()
                except ConnectionRefusedError:
                    return True

            poll(refused, "the listening socket to be closed")
            for post in posts:
                self.assertEqual(post.result().status, 200)

    def test_idle_connections_are_closed(self):
        with Server() as server:
            connection = server.connection()
            server.post(EXAMPLE, connection=connection)
            server.terminate()
            self.assertEqual(connection.sock.recv(1), b"")
            connection.close()
            self.assertEqual(server.wait(), 0)

    def test_not_ready_but_serving_during_the_delay(self):
        with Server("--drain-delay", "60s") as server:
            server.terminate()
            poll(lambda: server.get("/readyz").status == 503, "not to be ready")
            self.assertEqual(server.get("/healthz").status, 200)
            self.assertEqual(server.post(EXAMPLE).status, 200)
            server.terminate()
            self.assertNotEqual(server.wait(), 0)
            server.process.returncode = 0  # as wanted: for __exit__

    def test_after_the_timeout_the_rest_is_told_so(self):
        with Server("--workers", "1", "--drain-timeout", "1ms") as server:
            posts = [InBackground(server.post, LARGE) for _ in range(6)]
            admitted(server, 6)
            with server.socket() as reading:
                reading.sendall(
                    head("POST", "/v1/evaluate", "HTTP/1.1", "Content-Length: 100000") + b"{"
                )
                admitted(server, 7)
                server.terminate()
                (told,) = replies_in(read_to_end(reading))
            self.assertEqual((told.status, told.code), (503, "draining"))
            replies = [post.result() for post in posts]
            self.assertLessEqual({reply.status for reply in replies}, {200, 503})
            late = [reply for reply in replies if reply.status == 503]
            self.assertTrue(late)
            for reply in late:
                self.assertEqual(reply.code, "draining")
                self.assertIn("retry-after", reply.headers)
            self.assertEqual(server.wait(), 0)

    def test_a_second_signal_ends_it_at_once(self):
        with Server("--workers", "1") as server:
            with server.socket() as reading:
                reading.sendall(
                    head("POST", "/v1/evaluate", "HTTP/1.1", "Content-Length: 100000") + b"{"
                )
                admitted(server, 1)
                server.terminate()
                poll(lambda: "stopping" in server.log_text(), "the first signal")
                began = time.monotonic()
                server.terminate()
                self.assertEqual(server.wait(), 130)
                self.assertLess(time.monotonic() - began, 10)
            server.process.returncode = 0  # as wanted: for __exit__

    def test_nobody_reads_the_log(self):
        """A full pipe on standard error holds up neither requests nor the end."""
        reader, writer = socket.socketpair()
        with reader, writer, Server(stderr=writer) as server:
            connection = server.connection()
            for _ in range(3000):
                self.assertEqual(server.get("/healthz", connection=connection).status, 200)
            connection.close()
            self.assertGreater(server.stats()["log"]["lines_dropped"], 0)


if __name__ == "__main__":
    unittest.main()
