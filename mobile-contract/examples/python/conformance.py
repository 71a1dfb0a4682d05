"""The client as `athena conformance` drives it: commands in, answers out, a JSON object a line.

    athena conformance --command 'python3 conformance.py'
"""
import json
import sys

from athena_client import Client

SHOWN = ("title", "amount", "categoryId", "reasonId", "departmentId", "region", "neededBy", "justification", "status")


class Phone:
    """One command a method."""

    def hello(self, baseUrl, store, nowMs, email, password):
        self.now_ms = nowMs
        self.client = Client(baseUrl, store, clock_ms=lambda: self.now_ms)
        if self.client.user is None:
            self.client.login(email, password)
        return {"client": "athena_client.py"}

    def login(self, email, password):
        self.client.login(email, password)

    def set_clock(self, nowMs):
        self.now_ms = nowMs

    def edit(self, id, fields):
        self.client.edit(id, fields)

    def submit(self, id):
        self.client.command("submit", id)

    def withdraw(self, id):
        self.client.command("withdraw", id)

    def delete(self, id):
        self.client.command("delete", id)

    def vote(self, id, vote, comment=None):
        self.client.vote(id, vote, comment)

    def dismiss(self, opId):
        self.client.dismiss(opId)

    def sync(self):
        self.client.sync()

    def tick(self):
        self.client.sync(asked=False)

    def state(self):
        queue = [{name: item[name] for name in ("opId", "id", "type")} for item in self.client.queue()]
        records = {id: {name: body[name] for name in SHOWN} for id, body in self.client.records().items()}
        return {"queue": queue, "notices": self.client.notices(), "records": records,
                "approvals": self.client.approvals(), "signedIn": self.client.get("access") is not None}


def main():
    phone = Phone()
    for line in sys.stdin:
        command = json.loads(line)
        number, name = command.pop("n"), command.pop("cmd")
        try:
            answer = {"n": number, **(getattr(phone, name)(**command) or {})}
        except Exception as error:  # whatever it is, the suite must hear of it
            answer = {"n": number, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
