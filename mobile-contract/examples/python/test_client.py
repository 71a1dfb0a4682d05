"""The golden vectors, and two devices of one person on a real server.

    ATHENA_URL=http://127.0.0.1:8080 python3 -m unittest     # a running `athena serve --demo`
"""
import json
import os
import pathlib
import tempfile
import time
import unittest
import urllib.error
import urllib.request
import uuid

from athena_client import Client
from stamps import rfc3339, stamp_text, stamp_time, uuid7

VECTORS = pathlib.Path(__file__).parent / "../../vectors"


def vectors(name):
    return json.loads((VECTORS / name).read_text())


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

    def settle(self, *clients):
        """Syncs until nobody has anything queued: news of the catalogue may be on the way."""
        until = time.monotonic() + 20
        while any(client.queue() for client in clients):
            self.assertLess(time.monotonic(), until, [client.queue() for client in clients])
            for client in clients:
                client.sync()
        for client in clients:
            client.sync()

    def test_two_devices_meet(self):
        draft = self.phone.edit(uuid7(), self.complete())
        self.settle(self.phone, self.tablet)
        self.assertEqual(self.tablet.records()[draft]["title"], "Trade fair")
        self.phone.edit(draft, {"title": "Fair", "justification": "We need a big booth in Lyon."})
        time.sleep(0.005)  # the tablet's title is the later one: in one millisecond chance would decide
        self.tablet.edit(draft, {"title": "Trade fair in Lyon", "region": "EMEA"})
        self.tablet.edit(draft, {"justification": "We need a booth in Lyon, with a demo."})
        self.tablet.sync()
        self.settle(self.phone, self.tablet)
        self.assertEqual(self.phone.records(), self.tablet.records())
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
        until = time.monotonic() + 20
        while not (mine := [one for one in approver.approvals().values() if one["requestId"] == draft]):
            self.assertLess(time.monotonic(), until, "the approval does not reach its approver")
            approver.sync()
        approver.vote(mine[0]["id"], "approve", "Good fair.")
        self.settle(approver)
        self.assertEqual(approver.approvals()[mine[0]["id"]]["status"], "approved")
        while self.phone.records()[draft]["status"] != "approved":
            self.assertLess(time.monotonic(), until, "the outcome does not reach the owner")
            self.phone.sync()
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
