"""Content codings, of requests and of replies."""

import gzip
import json
import struct
import subprocess
import unittest
import zlib

from fixture import EXAMPLE, PATIENCE_S, Server, ServerTest, is_sanitized, large_body, poll

BODY = json.dumps(EXAMPLE).encode()
LARGE = large_body(20)  # 20,000 numbers; the reply is some 200 KB

# Small enough for the loop to evaluate, and its reply large enough to compress.
WORDY = {
    "loss": {"name": "mse", "reduction": "none"},
    "input": [1.1] * 500,
    "targets": [0] * 500,
}


def zstd(data, *options):
    return subprocess.run(
        ["zstd", "-q", "-c", *options], input=data, stdout=subprocess.PIPE, check=True
    ).stdout


def unzstd(data):
    return zstd(data, "-d")


PACK = {"gzip": gzip.compress, "zstd": zstd}
UNPACK = {"gzip": gzip.decompress, "zstd": unzstd}


def gzip_of_zeros(count):
    """Zeros made small, a MiB at a time."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = bytes(1 << 20)
    return b"".join(packer.compress(piece) for _ in range(count >> 20)) + packer.flush()


class Requests(ServerTest):
    def post(self, body, coding, **headers):
        return self.server.post(body, headers={"Content-Encoding": coding, **headers})

    def bad(self, body, coding, *words):
        reply = self.post(body, coding)
        self.assertEqual((reply.status, reply.code), (400, "bad_coding"))
        for word in words:
            self.assertIn(word, reply.json["detail"])
        self.assertLessEqual(reply.json["offset"], len(body))
        return reply.json

    def test_the_same_answer(self):
        for document in (BODY, LARGE):
            plain = self.server.post(document)
            for coding, pack in PACK.items():
                reply = self.post(pack(document), coding)
                self.assertEqual((reply.status, reply.body), (200, plain.body))

    def test_names(self):
        plain = self.server.post(BODY).body
        for name in ("gzip", "GZIP", "x-gzip", " gzip ", "identity, gzip"):
            self.assertEqual(self.post(gzip.compress(BODY), name).body, plain, name)
        for name in ("identity", ""):
            self.assertEqual(self.post(BODY, name).body, plain, name)

    def test_others_are_told_what_is_taken(self):
        for name in ("br", "deflate", "gzip, gzip", "gzip, zstd", "gzip, br", "compress"):
            reply = self.post(gzip.compress(BODY), name)
            self.assertEqual((reply.status, reply.code), (415, "unsupported_coding"), name)
            self.assertEqual(reply.headers["accept-encoding"], "zstd, gzip")

    def test_of_unknown_length(self):
        connection = self.server.connection()
        pieces = [gzip.compress(LARGE)[i : i + 1000] for i in range(0, 1 << 20, 1000)]
        connection.request(
            "POST",
            "/v1/evaluate",
            body=iter([piece for piece in pieces if piece]),
            headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
            encode_chunked=True,
        )
        reply = connection.getresponse()
        self.assertEqual(reply.read(), self.server.post(LARGE).body)
        connection.close()

    def test_members_and_frames_one_behind_the_other(self):
        plain = self.server.post(LARGE).body
        half = len(LARGE) // 2
        for coding, pack in PACK.items():
            body = pack(LARGE[:half]) + pack(b"") + pack(LARGE[half:])
            self.assertEqual(self.post(body, coding).body, plain, coding)
        skipped = struct.pack("<II", 0x184D2A50, 3) + b"abc"
        self.assertEqual(self.post(skipped + zstd(LARGE), "zstd").body, plain)

    def test_cut_off(self):
        for coding, pack in PACK.items():
            body = pack(LARGE)
            for length in (0, 1, 5, 11, len(body) // 2, len(body) - 1):
                problem = self.bad(body[:length], coding, "ends in the middle")
                self.assertEqual(problem["offset"], length, coding)

    def test_bytes_behind(self):
        for coding, pack in PACK.items():
            body = pack(LARGE)
            for more in (b"\0\0\0\0\0\0\0\0\0\0\0\0", b"{}" * 10):
                problem = self.bad(body + more, coding, "behind its end")
                self.assertEqual(problem["offset"], len(body), coding)

    def test_damaged(self):
        for coding, pack in PACK.items():
            body = bytearray(pack(LARGE))
            body[len(body) // 2] ^= 0x55
            self.bad(bytes(body), coding)
        body = bytearray(gzip.compress(LARGE))
        body[-8] ^= 1
        self.bad(bytes(body), "gzip", "check")
        body = bytearray(gzip.compress(LARGE))
        body[-2] ^= 0x80  # says that it is 8 MiB larger
        self.bad(bytes(body), "gzip", "length")

    def test_what_it_is_not(self):
        for coding in PACK:
            self.bad(BODY, coding)
        self.bad(zstd(BODY), "gzip")
        self.bad(gzip.compress(BODY), "zstd")

    def test_a_window_of_more_than_8_mb(self):
        self.assertEqual(self.post(zstd(BODY, "--long=23"), "zstd").status, 200)
        self.bad(zstd(BODY, "--long=24"), "zstd", "8 MB")

    def test_the_document_inside_may_be_wrong(self):
        for coding, pack in PACK.items():
            reply = self.post(pack(b'{"loss": }'), coding)
            self.assertEqual((reply.status, reply.code), (400, "syntax_error"))

    def test_a_deadline(self):
        reply = self.post(gzip.compress(large_body(2000)), "gzip", **{"X-Request-Timeout-Ms": "1"})
        self.assertEqual(reply.status, 504)
        self.server.await_idle()

    def test_nothing_is_left(self):
        self.post(gzip.compress(LARGE), "gzip")
        self.post(gzip.compress(LARGE)[:-9], "gzip")
        self.server.await_idle()

    def test_bytes_are_counted_as_sent(self):
        body = gzip.compress(LARGE)
        before = self.server.stats()["requests"]["bytes_in"]
        self.post(body, "gzip")
        poll(
            lambda: self.server.stats()["requests"]["bytes_in"] - before == len(body),
            "the bytes to be counted",
        )


class Bombs(unittest.TestCase):
    def peak(self, server):
        with open("/proc/%d/status" % server.process.pid, encoding="ascii") as file:
            (line,) = [line for line in file if line.startswith("VmHWM")]
        return int(line.split()[1]) << 10

    def refused(self, server, body, coding, most):
        server.post(EXAMPLE)
        before = self.peak(server)
        reply = server.post(body, headers={"Content-Encoding": coding})
        self.assertEqual((reply.status, reply.code), (413, "body_too_large"))
        self.assertGreater(reply.json["actual"], reply.json["limit"])
        if not is_sanitized():  # which keeps what is freed for a while
            self.assertLess(self.peak(server) - before, most)
        server.await_idle()

    def test_a_mebibyte_that_is_a_gibibyte(self):
        """It says so itself: nothing is kept of it."""
        body = gzip_of_zeros(1 << 30)
        self.assertLess(len(body), 1 << 20)
        with Server() as server:
            self.refused(server, body, "gzip", 8 << 20)

    def test_one_that_lies(self):
        """Its last member is small: no more than the limit is kept."""
        body = gzip_of_zeros(1 << 28) + gzip.compress(b"{}")
        with Server("--max-body", "16MiB") as server:
            self.refused(server, body, "gzip", 24 << 20)

    def test_frames(self):
        packed = zstd(bytes(1 << 26))
        with Server("--max-body", "16MiB") as server:
            self.refused(server, packed, "zstd", 24 << 20)
            self.refused(server, zstd(b" ") + packed, "zstd", 36 << 20)

    def test_just_the_limit(self):
        body = BODY.ljust(1 << 16)
        with Server("--max-body", "64KiB") as server:
            for coding, pack in PACK.items():
                reply = server.post(pack(body), headers={"Content-Encoding": coding})
                self.assertEqual(reply.status, 200)
                reply = server.post(pack(body + b" "), headers={"Content-Encoding": coding})
                self.assertEqual(reply.status, 413)

    def test_memory_is_shared(self):
        """What others hold is not there for decompressing."""
        with Server("--queue-bytes", "4MiB", "--max-body", "3MiB") as server:
            body = gzip.compress(BODY.ljust(3 << 19))
            with server.socket() as holder:
                holder.sendall(
                    b"POST /v1/evaluate HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n"
                )
                poll(lambda: server.stats()["queue"]["bytes"] >= 3000000, "the memory to be held")
                reply = server.post(body, headers={"Content-Encoding": "gzip"})
                self.assertEqual((reply.status, reply.code), (503, "memory_full"))
            server.await_idle()
            reply = server.post(body, headers={"Content-Encoding": "gzip"})
            self.assertEqual(reply.status, 200)


class Replies(ServerTest):
    def ask(self, accept, document=LARGE, **more):
        return self.server.post(document, headers={"Accept-Encoding": accept}, **more)

    def coding(self, accept):
        reply = self.ask(accept)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.headers["vary"], "Accept-Encoding")
        coding = reply.headers.get("content-encoding")
        body = UNPACK[coding](reply.body) if coding else reply.body
        self.assertEqual(body, self.plain)
        return coding

    def setUp(self):
        self.plain = self.server.post(LARGE).body

    def test_what_is_liked_best(self):
        for accept, coding in (
            ("gzip", "gzip"),
            ("zstd", "zstd"),
            ("x-gzip", "gzip"),
            ("gzip, deflate, br, zstd", "zstd"),
            ("gzip, deflate, br", "gzip"),
            ("GZIP;Q=0.5", "gzip"),
            ("gzip;q=0.9, zstd;q=0.8", "gzip"),
            ("gzip;q=0.8 , zstd;q=0.81", "zstd"),
            ("gzip;q=0.801, zstd;q=0.8", "gzip"),
            ("*", "zstd"),
            ("*;q=0.1, zstd;q=0", "gzip"),
            ("zstd;q=0, gzip;q=0.000", None),
            ("gzip;q=0, *", "zstd"),
            ("*;q=0", None),
            ("identity;q=0, gzip", "gzip"),
            ("identity;q=0, br", None),
            ("identity;q=0.5, gzip;q=0.4", None),
            ("identity;q=0.4, gzip;q=0.5", "gzip"),
            ("identity", None),
            ("br, deflate", None),
            ("", None),
            (",,;,", None),
        ):
            self.assertEqual(self.coding(accept), coding, accept)

    def test_the_same_bytes_each_time(self):
        for coding in PACK:
            bodies = {self.ask(coding).body for _ in range(5)}
            self.assertEqual(len(bodies), 1)
            self.assertLess(len(bodies.pop()), len(self.plain) * 2 // 3)

    def test_small_ones_stay_plain(self):
        reply = self.ask("gzip", EXAMPLE)
        self.assertNotIn("content-encoding", reply.headers)
        self.assertEqual(reply.headers["vary"], "Accept-Encoding")

    def test_a_small_request_with_a_large_reply(self):
        """Evaluated on the loop, compressed elsewhere."""
        self.assertLess(len(json.dumps(WORDY)), 4096)
        plain = self.server.post(WORDY).body
        self.assertGreater(len(plain), 4096)
        reply = self.ask("gzip", WORDY)
        self.assertEqual(reply.headers["content-encoding"], "gzip")
        self.assertEqual(gzip.decompress(reply.body), plain)

    def test_what_does_not_shrink_stays_plain(self):
        import random

        rng = random.Random(1)
        values = [rng.gauss(0, 1) for _ in range(200000)]
        data = struct.pack("<200000f", *values)
        head = json.dumps(
            {
                "inputs": [
                    {
                        "name": name,
                        "shape": [200000],
                        "datatype": "FP32",
                        "parameters": {"binary_data_size": len(data)},
                    }
                    for name in ("input", "targets")
                ],
                "outputs": [{"name": "gradient_input", "parameters": {"binary_data": True}}],
            }
        ).encode()
        reply = self.server.post(
            head + data + bytes(len(data)),
            "/v2/models/mse/infer",
            headers={
                "Accept-Encoding": "gzip",
                "Inference-Header-Content-Length": str(len(head)),
                "Content-Type": "application/octet-stream",
            },
        )
        self.assertEqual(reply.status, 200)
        self.assertNotIn("content-encoding", reply.headers)

    def test_binary_tensors(self):
        """Their header counts the bytes without the coding, both ways."""
        data = struct.pack("<20000f", *([1.0] * 20000))
        head = json.dumps(
            {
                "inputs": [
                    {
                        "name": name,
                        "shape": [20000],
                        "datatype": "FP32",
                        "parameters": {"binary_data_size": len(data)},
                    }
                    for name in ("input", "targets")
                ],
                "outputs": [{"name": "gradient_input", "parameters": {"binary_data": True}}],
            }
        ).encode()
        for coding in PACK:
            reply = self.server.post(
                PACK[coding](head + data + data),
                "/v2/models/mse/infer",
                headers={
                    "Accept-Encoding": coding,
                    "Content-Encoding": coding,
                    "Inference-Header-Content-Length": str(len(head)),
                    "Content-Type": "application/octet-stream",
                },
            )
            self.assertEqual(reply.status, 200, reply.body)
            self.assertEqual(reply.headers["content-encoding"], coding)
            length = int(reply.headers["inference-header-content-length"])
            body = UNPACK[coding](reply.body)
            document = json.loads(body[:length])
            self.assertEqual(document["outputs"][0]["parameters"]["binary_data_size"], len(data))
            self.assertEqual(body[length:], bytes(len(data)))

    def test_texts_that_need_no_worker(self):
        for path in ("/openapi.json", "/v1/losses", "/v1/findings", "/metrics"):
            plain = self.server.get(path)
            for coding in PACK:
                reply = self.server.get(path, headers={"Accept-Encoding": coding})
                self.assertEqual(reply.headers["content-encoding"], coding)
                self.assertEqual(reply.headers["content-type"], plain.headers["content-type"])
                body = UNPACK[coding](reply.body)
                if path == "/metrics":  # counts this request as well
                    self.assertIn(b"lossd_build_info", body)
                else:
                    self.assertEqual(body, plain.body)

    def test_health_and_head_stay_plain(self):
        for method, path in (("GET", "/healthz"), ("HEAD", "/openapi.json"), ("GET", "/readyz")):
            reply = self.server.request(method, path, headers={"Accept-Encoding": "gzip"})
            self.assertNotIn("content-encoding", reply.headers)
            self.assertEqual(reply.headers["vary"], "Accept-Encoding")

    def test_a_full_queue_does_not_matter(self):
        """No worker is to be had for compressing: the reply goes out plain."""
        with Server("--queue-requests", "1") as server, server.socket() as holder:
            holder.sendall(
                b"POST /v1/evaluate HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n"
            )
            poll(lambda: server.stats()["queue"]["depth"] == 1, "the queue to be full")
            reply = server.post(WORDY, headers={"Accept-Encoding": "gzip"})
            self.assertEqual(reply.status, 200)
            self.assertNotIn("content-encoding", reply.headers)


if __name__ == "__main__":
    unittest.main()
