"""The client as `athena conformance` drives it: commands in, answers out, a JSON object a line.

    athena conformance --command 'python3 conformance.py'
"""
import json
import sys
from functools import partial

from athena_client import Client


class Phone:
    """What a command means; one that is not here is the client's own method of that name."""

    def hello(self, baseUrl, store, nowMs, email, password):
        self.now_ms = nowMs
        self.client = Client(baseUrl, store, clock_ms=lambda: self.now_ms)
        if self.client.get("user") is None:
            self.client.login(email, password)

    def set_clock(self, nowMs):
        self.now_ms = nowMs

    def tick(self):
        self.client.sync(asked=False)

    def state(self):
        return {"queue": self.client.queue(), "notices": self.client.notices(), "records": self.client.records(),
                "approvals": self.client.approvals(), "signedIn": self.client.get("access") is not None}

    def dismiss(self, opId):
        self.client.dismiss(opId)

    def __getattr__(self, name):
        of_a_request = name in ("submit", "withdraw", "delete")
        return partial(self.client.command, name) if of_a_request else getattr(self.client, name)


phone = Phone()
for line in sys.stdin:
    command = json.loads(line)
    number, name = command.pop("n"), command.pop("cmd")
    try:
        said = getattr(phone, name)(**command)
        answer = {"n": number, **(said if name == "state" else {})}
    except Exception as error:  # whatever it is, the suite must hear of it
        answer = {"n": number, "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
