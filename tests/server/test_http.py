"""Routes, replies, framing and limits of HTTP."""

import json
import os
import re
import signal
import socket
import tempfile
import unittest

from fixture import (
    EXAMPLE,
    Server,
    ServerTest,
    head,
    is_sanitized,
    large_body,
    poll,
    read_to_end,
    replies_in,
)

BODY = json.dumps(EXAMPLE).encode()
LENGTH = "Content-Length: %d" % len(BODY)
JSON = "Content-Type: application/json"


class Routes(ServerTest):
    def test_evaluate(self):
        reply = self.server.post(EXAMPLE)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.headers["content-type"], "application/json")

    def test_health(self):
        for path, status in (("/healthz", "live"), ("/readyz", "ready")):
            reply = self.server.get(path)
            self.assertEqual((reply.status, reply.json["status"]), (200, status))

    def test_every_reply_has_the_common_headers(self):
        for reply in (self.server.get("/healthz"), self.server.get("/nowhere")):
            self.assertEqual(reply.headers["x-content-type-options"], "nosniff")
            self.assertEqual(reply.headers["cache-control"], "no-store")
            self.assertRegex(reply.headers["x-request-id"], "^[0-9a-f]{16}$")

    def test_server_timing(self):
        timing = self.server.post(EXAMPLE).headers["server-timing"]
        self.assertRegex(
            timing,
            r"^queue;dur=[\d.]+, decode;dur=[\d.]+, evaluate;dur=[\d.]+, encode;dur=[\d.]+$",
        )

    def test_unknown_route(self):
        reply = self.server.get("/v1/nothing")
        self.assertEqual((reply.status, reply.code), (404, "route_not_found"))
        self.assertEqual(reply.headers["content-type"], "application/problem+json")
        self.assertIn("/v1/nothing", reply.json["detail"])

    def test_wrong_method_names_the_right_ones(self):
        reply = self.server.request("DELETE", "/v1/evaluate")
        self.assertEqual((reply.status, reply.code), (405, "method_not_allowed"))
        self.assertIn("POST", reply.headers["allow"])

    def test_lower_case_method_is_another_method(self):
        self.assertEqual(self.server.request("get", "/healthz").status, 405)

    def test_head_has_the_headers_of_get_and_no_body(self):
        get, only_head = self.server.get("/healthz"), self.server.request("HEAD", "/healthz")
        self.assertEqual(only_head.status, 200)
        self.assertEqual(only_head.body, b"")
        self.assertEqual(only_head.headers["content-length"], str(len(get.body)))

    def test_path_is_percent_decoded_once(self):
        self.assertEqual(self.server.get("/health%7A").status, 200)
        self.assertEqual(self.server.get("/health%257A").status, 404)

    def test_encoded_nul_does_not_end_a_path(self):
        self.assertEqual(self.server.get("/healthz%00/x").status, 404)
        self.assertEqual(self.server.get("/healthz%00").status, 404)

    def test_broken_percent_encoding_is_plain_text(self):
        for path in ("/healthz%", "/healthz%7", "/healthz%zz"):
            self.assertEqual(self.server.get(path).status, 404)

    def test_a_whole_address_is_its_path(self):
        for target, status in (
            ("http://elsewhere:1/healthz", 200),
            ("HTTPS://elsewhere/healthz?q=/", 200),
            ("http://elsewhere", 404),
            ("http:///healthz", 404),
            ("http://elsewhere/nowhere", 404),
            ("ftp://elsewhere/healthz", 404),
        ):
            replies = self.server.raw(head("GET", target, "HTTP/1.1", "Connection: close"))
            self.assertEqual([reply.status for reply in replies], [status], target)

    def test_query_is_no_part_of_the_path(self):
        self.assertEqual(self.server.get("/healthz?x=1&y").status, 200)


class RequestIds(ServerTest):
    def id_for(self, given):
        reply = self.server.get("/healthz", headers={"X-Request-Id": given})
        return reply.headers["x-request-id"]

    def test_a_sane_one_is_echoed(self):
        for given in ("step-1200", "A.b_c:9", "x" * 64):
            self.assertEqual(self.id_for(given), given)

    def test_another_is_replaced(self):
        for given in ("x" * 65, "a b", "a<script>", "\x7f", '"'):
            self.assertRegex(self.id_for(given), "^[0-9a-f]{16}$")

    def test_own_ones_differ(self):
        ids = {self.server.get("/healthz").headers["x-request-id"] for _ in range(50)}
        self.assertEqual(len(ids), 50)


class Connections(ServerTest):
    def test_keep_alive(self):
        connection = self.server.connection()
        for _ in range(3):
            self.assertEqual(self.server.post(EXAMPLE, connection=connection).status, 200)
            self.assertEqual(self.server.get("/healthz", connection=connection).status, 200)
        connection.close()

    def test_errors_without_a_body_keep_the_connection(self):
        connection = self.server.connection()
        self.assertEqual(self.server.get("/nowhere", connection=connection).status, 404)
        local = connection.sock.getsockname()
        self.assertEqual(self.server.get("/healthz", connection=connection).status, 200)
        self.assertEqual(connection.sock.getsockname(), local)
        connection.close()

    def test_pipelined_requests_are_answered_in_order(self):
        replies = self.server.raw(
            head("POST", "/v1/evaluate", "HTTP/1.1", LENGTH, JSON)
            + BODY
            + head("GET", "/healthz")
            + head("GET", "/nowhere", "HTTP/1.1", "Connection: close")
        )
        self.assertEqual([reply.status for reply in replies], [200, 200, 404])

    def test_http_1_0(self):
        replies = self.server.raw(b"GET /healthz HTTP/1.0\r\n\r\n")
        self.assertEqual([reply.status for reply in replies], [200])

    def test_chunked_body(self):
        pieces = [BODY[i : i + 7] for i in range(0, len(BODY), 7)]
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        replies = self.server.raw(
            head(
                "POST",
                "/v1/evaluate",
                "HTTP/1.1",
                "Transfer-Encoding: chunked",
                JSON,
                "Connection: close",
            )
            + chunks
            + b"0\r\n\r\n"
        )
        self.assertEqual([reply.status for reply in replies], [200])
        self.assertEqual(replies[0].body, self.server.post(EXAMPLE).body)

    def test_a_reply_in_more_pieces_than_a_connection_has_memory_for(self):
        """Two arrays in each of 1024 items, with text around them."""
        item = {"loss": "l1", "input": [1.5, 2.5], "targets": [0, 7], "gradient": ["input", "targets"]}
        reply = self.server.post({"batch": [item] * 1024})
        self.assertEqual(reply.status, 200)
        alone = self.server.post(item).json
        self.assertEqual(reply.json["results"], [alone] * 1024)

    def test_expect_100_continue(self):
        with self.server.socket() as one:
            one.sendall(
                head(
                    "POST",
                    "/v1/evaluate",
                    "HTTP/1.1",
                    LENGTH,
                    JSON,
                    "Expect: 100-continue",
                    "Connection: close",
                )
            )
            self.assertEqual(one.recv(25), b"HTTP/1.1 100 Continue\r\n\r\n")
            one.sendall(BODY)
            self.assertEqual([r.status for r in replies_in(read_to_end(one))], [200])

    def test_body_of_a_get_is_not_read_and_not_the_next_request(self):
        inside = head("GET", "/stats")
        replies = self.server.raw(
            head("GET", "/healthz", "HTTP/1.1", "Content-Length: %d" % len(inside)) + inside
        )
        self.assertEqual([reply.status for reply in replies], [200])
        self.assertEqual(replies[0].json["status"], "live")


class Framing(ServerTest):
    """What a proxy and lossd could read differently is refused, the connection
    closes, and a request hidden behind it is not answered."""

    def refused(self, *headers, version="HTTP/1.1", statuses=(400,)):
        hidden = head("GET", "/stats")
        with self.subTest(headers=headers, version=version):
            replies = self.server.raw(
                head("POST", "/v1/evaluate", version, JSON, *headers) + BODY + hidden
            )
            self.assertEqual(len(replies), 1, "a second response came back")
            self.assertIn(replies[0].status, statuses)
            self.assertEqual(replies[0].headers["connection"].lower(), "close")
            return replies[0]

    def test_length_and_encoding(self):
        self.refused(LENGTH, "Transfer-Encoding: chunked")
        self.refused("Transfer-Encoding: chunked", LENGTH)

    def test_two_lengths(self):
        self.refused(LENGTH, "Content-Length: 5")
        self.refused(LENGTH, LENGTH)

    def test_space_before_the_colon(self):
        self.refused("Content-Length : %d" % len(BODY))
        self.refused("Transfer-Encoding : chunked")
        self.refused(LENGTH, "X-Other : 1")

    def test_unknown_encodings(self):
        self.refused("Transfer-Encoding: gzip, chunked")
        self.refused("Transfer-Encoding: identity")
        self.refused("Transfer-Encoding: xchunked")
        self.refused("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")

    def test_encoding_on_http_1_0(self):
        self.refused("Transfer-Encoding: chunked", version="HTTP/1.0")

    def test_hosts(self):
        self.refused("Host: a", "Host: b", LENGTH)
        replies = self.server.raw(b"GET /healthz HTTP/1.1\r\n\r\n")
        self.assertEqual([reply.status for reply in replies], [400])

    def test_space_in_the_uri(self):
        replies = self.server.raw(head("GET", "/health z") + head("GET", "/stats"))
        self.assertEqual([reply.status for reply in replies], [400])

    def test_version(self):
        self.refused(LENGTH, version="HTTP/1.2")

    def test_names_that_are_none(self):
        self.refused(LENGTH, "X(1): a")

    def test_the_problem_says_what(self):
        reply = self.refused(LENGTH, "Content-Length: 5")
        self.assertEqual(reply.headers["content-type"], "application/problem+json")
        self.assertEqual(reply.code, "bad_framing")
        self.assertIn("Content-Length", reply.json["detail"])

    def test_lengths_that_are_no_numbers(self):
        """libmicrohttpd answers these itself (0.9.75 doubles the header block)."""
        for value in ("", "+3", "-1", "0x3", "3, 3", "1" * 30):
            with self.subTest(value=value), self.server.socket() as one:
                one.sendall(
                    head("POST", "/v1/evaluate", "HTTP/1.1", "Content-Length: " + value)
                    + BODY
                    + head("GET", "/stats")
                )
                data = read_to_end(one)
                self.assertRegex(data, b"^HTTP/1.1 (400|413) ")
                self.assertNotIn(b"uptime_s", data)

    def test_unreadable_requests_are_counted(self):
        before = self.server.stats()["requests"]["by_route"].get("none", {}).get("400", 0)
        with self.server.socket() as one:
            one.sendall(head("POST", "/v1/evaluate", "HTTP/1.1", "Content-Length: x"))
            read_to_end(one)
        after = self.server.stats()["requests"]["by_route"]["none"]["400"]
        self.assertEqual(after, before + 1)

    def test_broken_chunks(self):
        for chunks in (b"-1\r\n", b"zz\r\n", b"0x5\r\nhello\r\n", b"f" * 17 + b"\r\n"):
            with self.subTest(chunks=chunks), self.server.socket() as one:
                one.sendall(
                    head("POST", "/v1/evaluate", "HTTP/1.1", "Transfer-Encoding: chunked", JSON)
                    + chunks
                )
                self.assertRegex(read_to_end(one), b"^HTTP/1.1 (400|413) ")
        self.server.await_idle()

    def test_garbage(self):
        for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\r\n\r\n\x00" * 9, b"GET\r\n\r\n"):
            with self.subTest(data=data), self.server.socket() as one:
                one.sendall(data)
                one.shutdown(socket.SHUT_WR)
                read_to_end(one)
        self.assertEqual(self.server.get("/healthz").status, 200)


class Limits(ServerTest):
    arguments = ("--max-body", "100000")

    def test_length_over_the_limit_is_refused_unread(self):
        """The body is never sent: the answer can only come from the length."""
        for more in ((), ("Expect: 100-continue",)):
            replies = self.server.raw(
                head("POST", "/v1/evaluate", "HTTP/1.1", "Content-Length: 100001", JSON, *more)
            )
            self.assertEqual([reply.status for reply in replies], [413])
            problem = replies[0].json
            self.assertEqual(problem["code"], "body_too_large")
            self.assertEqual((problem["limit"], problem["actual"]), (100000, 100001))

    def test_a_client_that_sends_all_the_same_can_read_the_answer(self):
        with self.server.socket() as one:
            one.sendall(head("POST", "/v1/evaluate", "HTTP/1.1", "Content-Length: 30000000", JSON))
            one.sendall(b"x" * 30000000)
            self.assertEqual([r.status for r in replies_in(read_to_end(one))], [413])

    def test_chunks_over_the_limit(self):
        with self.server.socket() as one:
            one.sendall(
                head("POST", "/v1/evaluate", "HTTP/1.1", "Transfer-Encoding: chunked", JSON)
            )
            for _ in range(30):
                one.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
            replies = replies_in(read_to_end(one))
        self.assertEqual([reply.status for reply in replies], [413])
        self.assertEqual(replies[0].code, "body_too_large")
        self.server.await_idle()

    def test_a_body_of_just_the_limit(self):
        filler = BODY + b" " * (100000 - len(BODY))
        self.assertEqual(self.server.post(filler).status, 200)

    def test_long_uri(self):
        reply = self.server.get("/healthz?" + "x" * 9000)
        self.assertEqual((reply.status, reply.code), (414, "uri_too_long"))

    def test_many_headers(self):
        reply = self.server.get("/healthz", headers={"X-%d" % i: "1" for i in range(101)})
        self.assertEqual((reply.status, reply.code), (431, "headers_too_large"))

    def test_large_headers(self):
        reply = self.server.get("/healthz", headers={"X-Large": "x" * 33000})
        self.assertEqual(reply.status, 431)
        with self.server.socket() as one:
            one.sendall(head("GET", "/healthz", "HTTP/1.1", "X-Huge: " + "x" * 100000))
            self.assertRegex(read_to_end(one), b"^HTTP/1.1 431 ")

    def test_refusals_are_counted(self):
        before = self.server.stats()["queue"]["rejected"]["too_large"]
        self.server.raw(head("POST", "/v1/evaluate", "HTTP/1.1", "Content-Length: 100001"))
        self.assertEqual(self.server.stats()["queue"]["rejected"]["too_large"], before + 1)


class Tokens(unittest.TestCase):
    def setUp(self):
        self.file = tempfile.NamedTemporaryFile("w")
        self.write("# two of them\nfirst-token\n\nsecond-token\n")
        self.server = Server("--token-file", self.file.name, listen=("0.0.0.0:0",))
        self.addCleanup(self.server.__exit__, None)
        self.addCleanup(self.file.close)

    def write(self, text):
        self.file.seek(0)
        self.file.truncate()
        self.file.write(text)
        self.file.flush()

    def status(self, authorization):
        headers = {"Authorization": authorization} if authorization else {}
        return self.server.post(EXAMPLE, headers=headers).status

    def test_who_may_ask(self):
        for authorization, status in (
            ("Bearer first-token", 200),
            ("bearer second-token", 200),
            ("Bearer  second-token", 200),
            (None, 401),
            ("Bearer", 401),
            ("Bearer ", 401),
            ("Bearer first-toke", 401),
            ("Bearer first-tokenx", 401),
            ("Bearer # two of them", 401),
            ("Basic first-token", 401),
            ("Bearer " + "x" * 5000, 401),
        ):
            with self.subTest(authorization=authorization):
                self.assertEqual(self.status(authorization), status)

    def test_refusal(self):
        reply = self.server.post(EXAMPLE)
        self.assertEqual(reply.code, "unauthorized")
        self.assertTrue(reply.headers["www-authenticate"].startswith("Bearer"))

    def test_health_needs_none(self):
        self.assertEqual(self.server.get("/healthz").status, 200)

    def test_read_again_on_sighup(self):
        self.write("third-token\n")
        self.server.process.send_signal(signal.SIGHUP)
        poll(lambda: self.status("Bearer third-token") == 200, "the new token")
        self.assertEqual(self.status("Bearer first-token"), 401)

    def test_a_bad_file_leaves_them_as_they_were(self):
        self.write("")
        self.server.process.send_signal(signal.SIGHUP)
        poll(lambda: "tokens stay as they were" in self.server.log_text(), "the log line")
        self.assertEqual(self.status("Bearer first-token"), 200)


class Listening(unittest.TestCase):
    def test_several_addresses_and_loops(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "sock")
            with Server(
                "--loops", "2", listen=("127.0.0.1:0", "unix:" + path, "127.0.0.1:0")
            ) as server:
                for _ in range(20):
                    self.assertEqual(server.get("/healthz").status, 200)
                    self.assertEqual(server.post(EXAMPLE).status, 200)
                self.assertEqual(self.over_unix(path), b"HTTP/1.1 200 OK")
                count = lambda: server.stats()["requests"]["by_route"]["/healthz"]["200"]
                poll(lambda: count() == 21, "all to be counted")
            self.assertFalse(os.path.exists(path), "the socket's file is left")

    def over_unix(self, path):
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(path)
            one.sendall(head("GET", "/healthz", "HTTP/1.1", "Connection: close"))
            return read_to_end(one).split(b"\r\n")[0]

    def test_stale_unix_socket_is_replaced_and_a_live_one_is_not(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "sock")
            with socket.socket(socket.AF_UNIX) as stale:
                stale.bind(path)
            with Server(listen=("unix:" + path,)):
                self.assertEqual(self.over_unix(path), b"HTTP/1.1 200 OK")
                with self.assertRaisesRegex(AssertionError, "in use"):
                    Server(listen=("unix:" + path,))
                self.assertEqual(self.over_unix(path), b"HTTP/1.1 200 OK")

    @unittest.skipUnless(socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"), "no IPv6")
    def test_ipv6(self):
        with Server(listen=("[::1]:0",)) as server:
            self.assertEqual(server.get("/healthz").status, 200)

    def test_more_connections_wait_until_one_closes(self):
        with Server("--connections", "2") as server:
            first, second = server.socket(), server.socket()
            poll(lambda: server_has(server, 2), "both to be accepted")
            third = server.socket()
            third.sendall(head("GET", "/healthz", "HTTP/1.1", "Connection: close"))
            first.close()
            self.assertEqual([r.status for r in replies_in(read_to_end(third))], [200])
            second.close()
            third.close()


def server_has(server, count):
    """Connections of the process, seen from outside: asking would be one more."""
    folder = "/proc/%d/fd" % server.process.pid
    sockets = [os.readlink(os.path.join(folder, name)) for name in os.listdir(folder)]
    return sum(link.startswith("socket:") for link in sockets) == count + 1


class Reports(ServerTest):
    def test_stats_has_the_members_of_the_contract(self):
        self.server.post(EXAMPLE)
        stats = self.server.stats()
        for name, members in {
            "version": "",
            "uptime_s": "",
            "build": "isa compiler libraries",
            "limits": "body_bytes elements depth members string_bytes batch_items",
            "requests": "by_route in_flight bytes_in bytes_out",
            "losses": "cross_entropy",
            "latency": "queue decode evaluate encode total",
            "queue": "depth capacity bytes rejected",
            "workers": "total busy",
            "findings": "all_masked_row target_out_of_range",
            "findings_by_loss": "",
            "process": "resident_bytes open_files",
            "loop": "count p50 p90 p99 max late",
            "connections": "open opened refused",
            "log": "lines_dropped",
        }.items():
            self.assertIn(name, stats)
            self.assertLessEqual(set(members.split()), set(stats[name] if members else ()), name)
        self.assertEqual(
            set(stats["losses"]["cross_entropy"]),
            {"count", "failed", "rows", "elements", "nonfinite", "seconds"},
        )
        self.assertEqual(
            set(stats["queue"]["rejected"]),
            {
                "queue_full", "memory_full", "deadline", "too_large", "malformed", "draining",
                "cancelled", "unauthorized", "quota",
            },
        )  # fmt: skip
        for phase in ("queue", "decode", "evaluate", "encode", "total"):
            self.assertEqual(
                set(stats["latency"][phase]), {"count", "p50", "p90", "p99", "max"}, phase
            )
            self.assertGreaterEqual(stats["latency"][phase]["max"], stats["latency"][phase]["p50"])
        self.assertEqual(stats["requests"]["in_flight"], 1)
        self.assertGreater(stats["process"]["resident_bytes"], 1 << 20)
        self.assertGreater(stats["process"]["open_files"], 5)
        self.assertLessEqual({"depth", "capacity", "bytes", "rejected"}, set(stats["queue"]))

    def test_requests_are_counted_once(self):
        before = self.server.stats()["requests"]
        self.server.post(EXAMPLE)
        self.server.get("/nowhere")
        after = self.server.stats()["requests"]
        count = lambda stats, route, status: stats["by_route"].get(route, {}).get(status, 0)
        for route, status in (("/v1/evaluate", "200"), ("none", "404")):
            self.assertEqual(count(after, route, status), count(before, route, status) + 1)
        self.assertEqual(after["bytes_in"], before["bytes_in"] + len(BODY))

    def test_losses_are_counted(self):
        count = lambda: self.server.stats()["losses"].get("cross_entropy", {"rows": 0, "count": 0})
        before = count()
        self.server.post(EXAMPLE)
        after = count()
        self.assertEqual(after["count"], before["count"] + 1)
        self.assertEqual(after["rows"], before["rows"] + 3)

    def test_metrics_have_the_families_of_the_contract(self):
        self.server.post(EXAMPLE)
        self.server.post({"loss": "mse", "input": ["NaN"], "targets": [0]})
        text = self.server.metrics()
        for sample in (
            "lossd_build_info{version=",
            'lossd_http_requests_total{route="/v1/evaluate",code="200"}',
            'lossd_http_request_duration_seconds_bucket{route="/v1/evaluate",le="+Inf"}',
            "lossd_http_request_bytes_sum",
            "lossd_http_response_bytes_count",
            "lossd_queue_requests",
            "lossd_queue_bytes",
            "lossd_kept_bytes",
            "lossd_queue_wait_seconds_count",
            'lossd_eval_duration_seconds_count{loss="cross_entropy"}',
            'lossd_eval_rows_total{loss="cross_entropy"}',
            'lossd_eval_elements_total{loss="cross_entropy"}',
            'lossd_rejected_total{reason="queue_full"}',
            'lossd_nonfinite_losses_total{loss="mse"} ',
            'lossd_diagnostics_total{loss="mse",code="input_nan"}',
            "lossd_workers",
            "lossd_workers_busy",
            "lossd_connections",
            "lossd_loop_busy_seconds_bucket",
            "lossd_loop_late_turns_total",
            "process_resident_memory_bytes",
            "process_open_fds",
            "process_start_time_seconds",
            "process_cpu_seconds_total",
        ):
            self.assertTrue("\n" + sample in text, sample)

    def test_metrics_are_well_formed(self):
        self.server.post(EXAMPLE)
        check_exposition(self, self.server.metrics(), openmetrics=False)

    def test_openmetrics_is_well_formed(self):
        self.server.post(EXAMPLE)
        text = self.server.metrics("application/openmetrics-text; version=1.0.0")
        self.assertTrue(text.endswith("# EOF\n"))
        check_exposition(self, text[: -len("# EOF\n")], openmetrics=True)

    def test_metrics_and_stats_agree(self):
        self.server.post(EXAMPLE)
        stats = self.server.stats()
        counted = stats["requests"]["by_route"]["/v1/evaluate"]["200"]
        line = 'lossd_http_requests_total{route="/v1/evaluate",code="200"} %d\n' % counted
        self.assertIn(line, self.server.metrics())

    def test_log_has_one_line_for_each_request(self):
        self.server.get(
            '/x"y\\z',
            headers={
                "X-Request-Id": "look-for-me",
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            },
        )
        poll(lambda: "look-for-me" in self.server.log_text(), "the log line")
        (line,) = [l for l in self.server.log_lines() if l.get("request_id") == "look-for-me"]
        self.assertRegex(line["ts"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(line["trace_id"], "0af7651916cd43dd8448eb211c80319c")
        self.assertEqual((line["method"], line["path"]), ("GET", '/x"y\\z'))
        self.assertEqual((line["status"], line["code"]), (404, "route_not_found"))
        self.assertGreaterEqual(line["duration_ms"], 0)

    def test_log_is_not_to_be_written_by_clients(self):
        self.server.get("/a%0a%7b%22msg%22:%22forged%22%7d%1b[31m" + "x" * 500)
        poll(lambda: "forged" in self.server.log_text(), "the log line")
        (line,) = [l for l in self.server.log_lines() if "forged" in l.get("path", "")]
        self.assertEqual(line["msg"], "request")
        self.assertLess(len(line["path"]), 260)
        self.assertNotIn("\x1b", self.server.log_text())


SAMPLE = re.compile(
    r'^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? ([-+0-9.e]+|\+Inf|NaN)$'
)


def check_exposition(test, text, openmetrics):
    """The text format: every sample belongs to the family announced before it,
    histograms are cumulative and end in +Inf, no series stands twice."""
    family, kind, seen, last = None, None, set(), {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            continue
        if line.startswith("# HELP "):
            continue
        found = SAMPLE.match(line)
        test.assertTrue(found, line)
        name, labels, value = found.groups()
        allowed = {
            "counter": {family + "_total" if openmetrics else family},
            "gauge": {family},
            "histogram": {family + "_bucket", family + "_sum", family + "_count"},
        }[kind]
        test.assertIn(name, allowed, line)
        test.assertNotIn((name, labels), seen, line)
        seen.add((name, labels))
        if name.endswith("_bucket"):
            series = re.sub(r',?le="[^"]*"', "", labels)
            test.assertGreaterEqual(float(value), last.get((name, series), 0), line)
            last[(name, series)] = float(value)
        if name.endswith("_count"):
            bucket = (family + "_bucket", labels or "")
            test.assertEqual(float(value), last[bucket], line)
    for name in ("lossd_build_info", "lossd_queue_requests", "process_open_fds"):
        test.assertIn((name), {name for name, _ in seen})


class KeptMemory(unittest.TestCase):
    LARGE = {"loss": "l1", "input": [0.5] * 400000, "targets": [0] * 400000}

    def kept(self, server):
        return server.stats()["queue"]["bytes_kept"]

    def test_it_goes_back_when_nobody_asks_for_it(self):
        with Server() as server:
            server.post(self.LARGE)
            if not is_sanitized():
                poll(lambda: self.kept(server) > 1 << 20, "for memory to be kept")
            poll(lambda: self.kept(server) == 0, "for it to go", 30)

    def test_none_is_kept_if_none_may_be(self):
        with Server("--keep-bytes", "0") as server:
            server.post(self.LARGE)
            server.await_idle()
            self.assertEqual(self.kept(server), 0)


class Verify(ServerTest):
    def test_a_claim_is_explained(self):
        plain = self.server.post(EXAMPLE).json
        claim = {"loss": plain["sum"], "gradients": plain["gradients"]}
        reply = self.server.post({**EXAMPLE, "claim": claim}, "/v1/verify").json
        self.assertFalse(reply["agrees"])
        self.assertTrue(reply["gradients"]["logits"]["agrees"])
        first = [one for one in reply["explanations"] if one["matches"] and "loss" in one][0]
        self.assertEqual(first["loss"], {"name": "cross_entropy", "reduction": "sum"})
        again = {**EXAMPLE, "loss": first["loss"], "claim": {"loss": plain["sum"]}}
        self.assertTrue(self.server.post(again, "/v1/verify").json["agrees"])

    def test_large_claims_are_verified_by_the_workers(self):
        body = json.loads(large_body(300))
        plain = self.server.post(body).json
        for factor, name in ((1, None), (-1, "sign")):
            gradient = [[factor * number for number in row] for row in plain["gradients"]["logits"]]
            claim = {"loss": plain["loss"], "gradients": {"logits": gradient}}
            reply = self.server.post({**body, "claim": claim}, "/v1/verify").json
            self.assertEqual(reply["agrees"], name is None)
            matching = [one["name"] for one in reply["explanations"] if one["matches"]]
            self.assertEqual(matching, [name] if name else [])
        self.server.await_idle()


class Check(ServerTest):
    def test_time_comes_from_what_was_measured(self):
        body = {"loss": "cross_entropy", "logits": {"shape": [4000, 1000]}, "targets": {"shape": [4000]}}
        self.assertIsNone(self.server.post(body, "/v1/check").json["seconds"])
        for _ in range(3):
            self.assertEqual(self.server.post(large_body(400)).status, 200)
        stats = self.server.stats()["losses"]["cross_entropy"]
        told = self.server.post(body, "/v1/check").json
        self.assertEqual(told["terms"][0]["elements"], 4000 * 1000)
        self.assertAlmostEqual(told["seconds"] / 4e6, stats["seconds"] / stats["elements"], 12)
        self.assertEqual(self.server.stats()["losses"]["cross_entropy"]["count"], stats["count"])


if __name__ == "__main__":
    unittest.main()
