"""The command line: settings, exit codes, and the commands beside the daemon."""

import json
import os
import pty
import re
import subprocess
import tempfile
import unittest

from fixture import BINARY, EXAMPLE, PATIENCE_S, ROOT, Server

MASKED = {"loss": "cross_entropy", "logits": [["-Infinity", "-Infinity"]], "targets": [0]}


def run(*arguments, stdin=b"", environment=None):
    return subprocess.run(
        [BINARY, *arguments],
        input=stdin,
        capture_output=True,
        timeout=PATIENCE_S,
        env={**os.environ, **(environment or {})},
    )


class Settings(unittest.TestCase):
    def bad(self, names, *arguments, environment=None):
        """Exit 2, and one line that names the setting."""
        with self.subTest(arguments=arguments, environment=environment):
            done = run(*arguments, environment=environment)
            lines = done.stderr.decode().splitlines()
            self.assertEqual(done.returncode, 2, lines)
            self.assertEqual(len(lines), 1, lines)
            self.assertEqual(done.stdout, b"")
            for name in names:
                self.assertIn(name, lines[0])

    def test_bad_ones_are_named(self):
        self.bad(["--workers", '"many"', "whole number"], "--workers", "many")
        self.bad(["--workers", "between 1 and 1024"], "--workers=0")
        self.bad(["--workers", "between 1 and 1024"], "--workers", "1025")
        self.bad(["--workers"], "--workers", "-1")
        self.bad(["--workers"], "--workers", "99999999999999999999999")
        self.bad(["--workers", "needs a value"], "--workers")
        self.bad(["--max-body", '"1 apple"'], "--max-body", "1 apple")
        self.bad(["--max-body"], "--max-body", "99999999999GiB")
        self.bad(["--timeout", '"30"', "30s"], "--timeout", "30")
        self.bad(["--log-format", "json or text"], "--log-format", "xml")
        self.bad(["--insecure", "true or false"], "--insecure=perhaps")
        self.bad(["--queue-bytes", "--max-body"], "--queue-bytes=1MiB", "--max-body=2MiB")
        self.bad(["--wrokers", "did you mean --workers"], "--wrokers", "2")
        self.bad(["--", "no setting"], "--")

    def test_the_environment_is_named_too(self):
        self.bad(["LOSSD_WORKERS"], environment={"LOSSD_WORKERS": "many"})
        self.bad(["LOSSD_TIMEOUT"], environment={"LOSSD_TIMEOUT": "1h"})

    def test_unknown_commands(self):
        self.bad(["sevre"], "sevre")
        self.bad(["arguments"], "serve", "x")
        self.bad(["arguments"], "eval", "x", "y")
        self.bad(["arguments"], "1", "2", "3", "4", "5")

    def test_flag_beats_environment_beats_default(self):
        with Server("--max-depth", "7", environment={"LOSSD_MAX_DEPTH": "8", "LOSSD_MAX_TERMS": "9"}) as server:
            limits = server.stats()["limits"]
        self.assertEqual((limits["depth"], limits["terms"], limits["batch_items"]), (7, 9, 1024))

    def test_an_empty_variable_is_not_set(self):
        with Server(environment={"LOSSD_WORKERS": "", "LOSSD_TOKEN_FILE": ""}) as server:
            self.assertEqual(server.post(EXAMPLE).status, 200)

    def test_every_setting_is_in_the_help_with_its_environment_name(self):
        help = run("--help")
        self.assertEqual(help.returncode, 0)
        text = help.stdout.decode()
        for flag in (
            "listen", "workers", "queue-requests", "queue-bytes", "max-body", "max-elements",
            "timeout", "drain-timeout", "token-file", "log-format", "log-level", "insecure",
        ):  # fmt: skip
            self.assertIn("--%s\n" % flag, text)
            self.assertIn("LOSSD_" + flag.upper().replace("-", "_"), text)
        self.assertEqual(run("-h").stdout, help.stdout)

    def test_markdown_has_a_row_for_each_setting(self):
        flags = re.findall(r"^  --([a-z-]+)$", run("--help").stdout.decode(), re.M)
        rows = re.findall(r"^\| `--([a-z-]+)` \|", run("--settings-markdown").stdout.decode(), re.M)
        self.assertEqual(rows, [flag for flag in flags if flag not in ("help", "version")])

    def test_version(self):
        done = run("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, rb"^lossd \d+\.\d+\.\d+ \(.*libmicrohttpd .*\)\n$")


class Starting(unittest.TestCase):
    def fails(self, *arguments, status=2):
        """A setting is at fault: 2.  The machine is: 1."""
        done = run(*arguments)
        lines = done.stderr.decode().splitlines()
        self.assertEqual(done.returncode, status, lines)
        self.assertEqual(len(lines), 1, lines)
        self.assertEqual(done.stdout, b"")
        return lines[0]

    def test_port_in_use(self):
        with Server() as server:
            line = self.fails("--listen", server.addresses[0], status=1)
        self.assertIn(server.addresses[0], line)
        self.assertIn("in use", line)

    def test_addresses_that_are_none(self):
        for address in ("nowhere", "127.0.0.1", "127.0.0.1:99999", "::1:80", "unix:", "[::1:80"):
            self.assertIn("--listen " + address, self.fails("--listen", address))

    def test_beyond_loopback_only_with_a_token_or_on_purpose(self):
        line = self.fails("--listen", "0.0.0.0:0")
        self.assertIn("--token-file", line)
        self.assertIn("--insecure", line)
        self.fails("--listen", "127.0.0.1:0", "--listen", ":0")
        with Server("--insecure", listen=("0.0.0.0:0",)) as server:
            self.assertEqual(server.post(EXAMPLE).status, 200)

    def test_token_files(self):
        with tempfile.NamedTemporaryFile("w") as file:
            self.assertIn("no token", self.fails("--token-file", file.name))
            file.write("x" * 5000)
            file.flush()
            self.assertIn("bytes", self.fails("--token-file", file.name))
        self.assertIn("No such file", self.fails("--token-file", "/nowhere/token"))


class Eval(unittest.TestCase):
    def test_safetensors_are_known_by_their_bytes(self):
        path = os.path.join(ROOT, "tests", "safetensors", "plain", "request.safetensors")
        with open(path, "rb") as file:
            batch = file.read()
        done = run("eval", path)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(run("eval", "-", stdin=batch).stdout, done.stdout)
        with Server() as server:
            headers = {"Content-Type": "application/vnd.safetensors"}
            reply = server.request("POST", "/v1/evaluate", batch, headers)
            self.assertEqual(reply.body, done.stdout)
        self.assertEqual(run("eval", "-", stdin=batch[:-1]).returncode, 2)

    def test_same_bytes_as_over_http(self):
        with Server() as server:
            for document in (EXAMPLE, MASKED, {"loss": "none"}):
                self.assertEqual(
                    run("eval", stdin=json.dumps(document).encode()).stdout,
                    server.post(document).body,
                )

    def test_exit_codes(self):
        batch = {"batch": [EXAMPLE, {"loss": "none"}]}
        for document, code in ((EXAMPLE, 0), (MASKED, 3), ({"loss": "none"}, 2), (batch, 2)):
            with self.subTest(document=document):
                done = run("eval", "-", stdin=json.dumps(document).encode())
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertEqual(done.stderr == b"", code in (0, 3) or "batch" in document)
        self.assertEqual(run("eval", stdin=b"{").returncode, 2)

    def test_files(self):
        with tempfile.NamedTemporaryFile("w") as file:
            json.dump(EXAMPLE, file)
            file.flush()
            done = run("eval", file.name)
            self.assertEqual(done.returncode, 0)
            self.assertEqual(json.loads(done.stdout)["diagnostics"]["verdict"], "ok")
            self.assertEqual(run("eval", file.name, "--max-body", "10").returncode, 2)
        done = run("eval", "/nowhere/request.json")
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"/nowhere/request.json: No such file", done.stderr)


class Report(unittest.TestCase):
    """lossd eval --text: the same request, told to people."""

    def test_the_sentence_comes_first(self):
        done = run("eval", "--text", stdin=json.dumps(MASKED).encode())
        lines = done.stdout.decode().splitlines()
        self.assertEqual(done.returncode, 3)
        self.assertEqual(lines[0], "nonfinite  cross_entropy of 1 row, mean: loss NaN")
        self.assertEqual(lines[2], "error all_masked_row")
        self.assertEqual(
            lines[3].strip(), "Row 0: every logit is -Infinity, so softmax is 0/0."
        )
        labels = [line.split()[0] for line in lines[4:7]]
        self.assertEqual(labels, ["where", "values", "effect"])
        self.assertNotIn("\x1b", done.stdout.decode())

    def test_a_healthy_batch_is_one_line(self):
        done = run("eval", "--text", stdin=json.dumps(EXAMPLE).encode())
        self.assertEqual(done.returncode, 0)
        self.assertEqual(
            done.stdout, b"ok  cross_entropy of 3 rows, mean: loss 1.307653\n"
        )

    def test_statistics_come_with_full(self):
        done = run("eval", "--text", stdin=json.dumps({**EXAMPLE, "diagnostics": "full"}).encode())
        lines = done.stdout.decode().splitlines()
        labels = [line.split()[0] for line in lines[2:]]
        self.assertEqual(labels[:5], ["numbers", "logits", "losses", "gradient", "classes"])
        logits = [float(number) for number in lines[3].split()[1:]]
        self.assertEqual(logits[0], -0.3)
        self.assertEqual(logits[2], 0.73)
        self.assertIn("hardest", labels)
        self.assertIn("checked", labels)

    def test_items_and_problems(self):
        batch = [{}, {"targets": [0, 1, 7]}]
        done = run("eval", "--text", stdin=json.dumps({**EXAMPLE, "batch": batch}).encode())
        self.assertEqual(done.returncode, 2)
        self.assertIn("item 1\nproblem target_out_of_range", done.stdout.decode())

    def test_a_request_that_fails_says_so_on_standard_error(self):
        done = run("eval", "--text", stdin=b'{"loss": "cros_entropy"}')
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertIn(b'did you mean "cross_entropy"?', done.stderr)

    def on_terminal(self, **environment):
        ours, theirs = pty.openpty()
        done = subprocess.run(
            [BINARY, "eval", "--text"],
            input=json.dumps(MASKED).encode(),
            stdout=theirs,
            timeout=PATIENCE_S,
            env={**os.environ, **environment},
        )
        self.assertEqual(done.returncode, 3)
        text = os.read(ours, 65536)
        os.close(ours)
        os.close(theirs)
        return text

    def test_colours_are_for_terminals(self):
        self.assertIn(b"\x1b[1;31mnonfinite\x1b[0m", self.on_terminal())
        self.assertNotIn(b"\x1b", self.on_terminal(NO_COLOR="1"))

    def test_over_http_by_accept(self):
        with Server() as server:
            answer = server.post(MASKED, headers={"Accept": "text/plain"})
            self.assertEqual(answer.headers["content-type"], "text/plain; charset=utf-8")
            done = run("eval", "--text", stdin=json.dumps(MASKED).encode())
            self.assertEqual(answer.body, done.stdout)


class Catalogue(unittest.TestCase):
    def test_all(self):
        done = run("losses")
        self.assertEqual(done.returncode, 0)
        for name in (b"cross_entropy", b"dice", b"huber"):
            self.assertIn(name, done.stdout)

    def test_one_by_any_of_its_names(self):
        done = run("losses", "cross_entropy")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(run("losses", "CrossEntropyLoss").stdout, done.stdout)

    def test_unknown(self):
        done = run("losses", "cross_entrpy")
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"did you mean cross_entropy", done.stderr)

    def test_openapi(self):
        done = run("openapi")
        self.assertEqual(done.returncode, 0)
        self.assertTrue(json.loads(done.stdout)["openapi"].startswith("3.1"))


class Health(unittest.TestCase):
    def test_of_a_server(self):
        with tempfile.TemporaryDirectory() as folder:
            path = "unix:" + os.path.join(folder, "sock")
            with Server(listen=("127.0.0.1:0", path)) as server:
                address = server.addresses[0]
                for target in (address, "http://" + address, address + "/readyz", path):
                    self.assertEqual(run("health", target).returncode, 0, target)
                self.assertEqual(run("health", environment={"LOSSD_LISTEN": address}).returncode, 0)
                port = address.rpartition(":")[2]
                every = {"LOSSD_LISTEN": "0.0.0.0:" + port}
                self.assertEqual(run("health", environment=every).returncode, 0)
                self.assertEqual(run("health", address + "/nowhere").returncode, 1)
            done = run("health", address)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"refused", done.stderr)
            self.assertEqual(run("health", "nonsense").returncode, 2)


if __name__ == "__main__":
    unittest.main()
