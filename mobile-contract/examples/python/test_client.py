"""The golden vectors, and two devices of one person on a real server.

    ATHENA_URL=http://127.0.0.1:8080 python3 -m unittest     # a running `athena serve --demo`
"""
import ast
import io
import json
import os
import pathlib
import sys
import tempfile
import time
import tokenize
import unittest
import urllib.error
import urllib.request
import uuid

from athena_client import Client, rfc3339, stamp_text, stamp_time, uuid7

HERE = pathlib.Path(__file__).parent
VECTORS = HERE / "../../vectors"


def vectors(name):
    return json.loads((VECTORS / name).read_text())


def lines_of_code(path):
    """The lines of a module that say something to Python: no blank ones, no comments, no docstrings."""
    text, lines = path.read_text(), set()
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in silent:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


class Size(unittest.TestCase):
    def test_all_that_a_conformance_run_loads_is_short(self):
        modules = [path for path in HERE.glob("*.py") if not path.name.startswith("test_")]
        self.assertIn("athena_client.py", [path.name for path in modules])
        self.assertLessEqual(sum(map(lines_of_code, modules)), 300)

    def test_it_needs_nothing_but_the_standard_library(self):
        for path in (path for path in HERE.glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) else []
                own = {"athena_client"}
                foreign = [name for name in names if name.split(".")[0] not in sys.stdlib_module_names | own]
                self.assertEqual(foreign, [], path)


class Vectors(unittest.TestCase):
    def test_stamps_are_written_and_read(self):
        for stamp in vectors("stamps.json")["sorted"]:
            at = stamp["millis"] << 16 | stamp["counter"]
            self.assertEqual(stamp_text(at, stamp["node"]), stamp["text"])
            self.assertEqual(stamp_time(stamp["text"]), at)

    def test_stamps_sort_as_text(self):
        texts = [stamp["text"] for stamp in vectors("stamps.json")["sorted"]]
        self.assertEqual(texts, sorted(texts))

    def test_the_clock_gives_what_every_clock_gives(self):
        clock = vectors("clock.json")
        with tempfile.TemporaryDirectory() as folder:
            wall_ms = 0
            client = Client("http://127.0.0.1:9", f"{folder}/phone", clock_ms=lambda: wall_ms)
            client.put(nodes=[clock["node"]])
            for step in clock["steps"]:
                wall_ms = step["wallMs"]
                if wall_ms > 253_402_300_799_999 or step["gives"].startswith("9999"):
                    continue  # no phone lives to see the end of the year 9999
                if step["observe"]:
                    client.put(clock=max(client.get("clock", 0), stamp_time(step["observe"])))
                self.assertEqual(client.next_stamp(), step["gives"])

    def test_ids_are_uuid_v7_of_their_time(self):
        made = uuid.UUID(uuid7(1_795_341_600_123))
        self.assertEqual((made.version, made.variant), (7, uuid.RFC_4122))
        self.assertEqual(made.int >> 80, 1_795_341_600_123)
        self.assertEqual(rfc3339(1_795_341_600_123), "2026-11-22T10:00:00.123Z")


class TwoDevices(unittest.TestCase):
    """Two devices of one person, and one of an approver."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.url = os.environ["ATHENA_URL"]
        self.admin = self.call("POST", "auth/login", {"email": "admin@demo.athena", "password": "athena-demo"})
        email = f"device-{uuid.uuid4()}@demo.athena"
        person = {"email": email, "name": "Two Devices", "roles": ["sales"], "password": "two devices"}
        self.call("POST", "users", person)
        self.phone, self.tablet = self.device("phone", email), self.device("tablet", email)

    def device(self, name, email, password="two devices"):
        client = Client(self.url, f"{self.folder.name}/{name}")
        self.addCleanup(client.db.close)
        client.login(email, password)
        return client

    def call(self, method, path, body=None):
        headers = {"content-type": "application/json"}
        if hasattr(self, "admin"):
            headers["authorization"] = f"Bearer {self.admin['accessToken']}"
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def complete(self):
        category = next(one for one in self.call("GET", "categories")["items"] if one["name"] == "Travel")
        reason = next(one for one in self.call("GET", "reasons")["items"] if one["text"] == "Other")
        return {"title": "Trade fair", "amount": {"minor": 125_000, "currency": "EUR"}, "categoryId": category["id"],
                "reasonId": reason["id"], "justification": "We need a booth in Lyon."}

    def eventually(self, holds, *clients):
        """Syncs until it holds: on a busy machine the server may ask to wait, and news may be on the way."""
        until = time.monotonic() + 60
        while not holds():
            queues = [(client.queue(), client.notices()) for client in clients]
            self.assertLess(time.monotonic(), until, queues)
            for client in clients:
                client.sync()
            time.sleep(0.02)

    def settle(self, *clients):
        """Syncs until nobody has anything queued, and everybody has pulled since."""
        self.eventually(lambda: not any(client.queue() for client in clients), *clients)
        for client in clients:
            client.sync()
            self.eventually(lambda: not client.get("failures"), client)

    def test_two_devices_meet(self):
        draft = self.phone.edit(uuid7(), self.complete())
        self.settle(self.phone, self.tablet)
        self.assertEqual(self.tablet.records()[draft]["title"], "Trade fair")
        self.phone.edit(draft, {"title": "Fair", "justification": "We need a big booth in Lyon."})
        while self.tablet.clock_ms() << 16 <= self.phone.get("clock"):
            pass  # the tablet's title is the later one: in one millisecond chance would decide
        self.tablet.edit(draft, {"title": "Trade fair in Lyon", "region": "EMEA"})
        self.tablet.edit(draft, {"justification": "We need a booth in Lyon, with a demo."})
        self.tablet.sync()
        self.settle(self.phone, self.tablet)
        self.eventually(lambda: self.phone.records() == self.tablet.records(), self.phone, self.tablet)
        record = self.phone.records()[draft]
        self.assertEqual(record["title"], "Trade fair in Lyon")
        self.assertEqual(record["justification"], "We need a big booth in Lyon, with a demo.")
        self.assertEqual([notice["fields"] for notice in self.phone.notices()], [["title"]])

    def test_what_comes_after_the_seal_is_refused_and_kept(self):
        draft = self.phone.edit(uuid7(), self.complete())
        self.settle(self.phone, self.tablet)
        self.tablet.edit(draft, {"title": "Too late"})
        self.phone.command("submit", draft)
        self.settle(self.phone)
        self.settle(self.tablet)
        self.assertEqual(self.tablet.records()[draft]["status"], "pending_l1")
        self.assertEqual(self.tablet.records()[draft]["title"], "Trade fair")
        notice, = self.tablet.notices()
        self.assertEqual((notice["kind"], notice["code"]), ("refused", "locked"))
        self.assertEqual(notice["item"]["fields"], {"title": "Too late"})

    def test_an_approver_decides(self):
        draft = self.phone.edit(uuid7(), self.complete())
        self.phone.command("submit", draft)
        self.settle(self.phone)
        approver = self.device("approver", "l1a@demo.athena", "athena-demo")
        mine = lambda: [one for one in approver.approvals().values() if one["requestId"] == draft]
        self.eventually(mine, approver)
        approver.vote(mine()[0]["id"], "approve", "Good fair.")
        self.settle(approver)
        self.assertEqual(approver.approvals()[mine()[0]["id"]]["status"], "approved")
        self.eventually(lambda: self.phone.records()[draft]["status"] == "approved", self.phone)
        self.assertEqual(approver.notices() + self.phone.notices(), [])

    def test_what_the_server_has_forgotten_is_no_session(self):
        draft = self.phone.edit(uuid7(), self.complete())
        with self.phone.db:
            self.phone.put(access="nonsense")
        self.phone.sync()
        self.assertIsNone(self.phone.get("access"))
        self.assertEqual([item["id"] for item in self.phone.queue()], [draft])


if __name__ == "__main__":
    unittest.main()
