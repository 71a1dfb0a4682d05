"""Who calls what, and of whom the calls may be, when schemathesis holds the API document against a server.

Every operation is called by somebody who may: what others may not is tests/tests/it/access's business.
"""

import hashlib
import json
import os
import re

import requests
import schemathesis

URL = os.environ["ATHENA_URL"]
PASSWORD = "athena-demo"
# Access tokens are good for 15 minutes.
TOKEN_SECONDS = 600
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def sign_in(name):
    body = {"email": f"{name}@demo.athena", "password": PASSWORD}
    answer = requests.post(f"{URL}/api/v1/auth/login", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()


def caller(path):
    if path.startswith(("/api/v1/notify/push", "/api/v1/notify/email", "/api/v1/notify/sms")):
        return "program"
    if path.startswith("/api/v1/approvals"):
        return "l1b"
    if path.startswith("/api/v1/requests"):
        return "sales2"
    return "admin"


@schemathesis.auth(refresh_interval=TOKEN_SECONDS, cache_by_key=lambda case, _: caller(case.operation.path))
class Callers:
    def get(self, case, _):
        return sign_in(caller(case.operation.path))["accessToken"]

    def set(self, case, token, _):
        case.headers["Authorization"] = f"Bearer {token}"


class Demo:
    """Ids of the demo organisation: those that the calls live on, and those that may be changed."""

    def __init__(self):
        session = sign_in("admin")
        self.make_program(session["accessToken"])
        self.token = session["accessToken"]
        people = {one["email"].split("@")[0]: one["id"] for one in self.list("users")}
        categories = {one["name"]: one["id"] for one in self.list("categories")}
        reasons = {one["text"]: one["id"] for one in self.list("reasons")}
        self.departments = [one["id"] for one in self.list("departments")]
        self.approvers = [people[name] for name in ("l1a", "l1b", "l2a", "l2b")]
        self.category, self.reason = categories["Travel"], reasons["Other"]
        self.spare = {people[name]: people["sales5"] for name in ("admin", "sales2", *("l1a", "l1b", "l2a", "l2b"))}
        self.spare[self.category] = categories["Campaigns"]
        self.spare[self.reason] = reasons["Training"]

    @staticmethod
    def make_program(token):
        """The demo organisation has nobody of the role `service`."""
        body = {"email": "program@demo.athena", "name": "Ledger", "roles": ["service"], "password": PASSWORD}
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.post(f"{URL}/api/v1/users", json=body, headers=headers, timeout=30)
        if answer.status_code != 409:  # there already, from a run before
            answer.raise_for_status()

    def list(self, what):
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.get(f"{URL}/api/v1/{what}", headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()["items"]


DEMO = Demo()


@schemathesis.hook
def before_call(context, case, kwargs):
    spare(case)
    if isinstance(case.body, dict):
        case.body = whole(case.body)
        name_what_there_is(case)
        if case.operation.label == "POST /api/v1/requests":
            identify(case)
        if case.operation.label in MESSAGES:
            address(case)
        if case.operation.label == "PUT /api/v1/notify/preferences":
            settle(case)


def whole(value):
    """JSON Schema calls 2.0 an integer; who means an integer writes 2, and the server takes no other."""
    if isinstance(value, dict):
        return {name: whole(member) for name, member in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    is_exact = isinstance(value, float) and value.is_integer() and abs(value) <= 2**53
    return int(value) if is_exact else value


def spare(case):
    """Nobody that the calls are made by is changed, nor what they need to be accepted."""
    about = (case.path_parameters or {}).get("id")
    if about in (None, "None") and "{id}" in case.operation.path:
        # Followed from a reason that is of no category: what is null leads nowhere.
        case.path_parameters["id"] = about = DEMO.spare[DEMO.category]
    if case.method in ("PUT", "DELETE") or case.path.endswith("/password-reset"):
        if isinstance(about, str) and about.lower() in DEMO.spare:
            case.path_parameters["id"] = DEMO.spare[about.lower()]


def name_what_there_is(case):
    """A valid id of nothing is a valid id, and refused all the same: the calls name what there is."""
    body = case.body
    if case.path.endswith("/sync"):
        return

    def is_id(value):
        return isinstance(value, str) and UUID.fullmatch(value)

    if is_id(body.get("departmentId")):
        body["departmentId"] = DEMO.departments[0]
    if is_id(body.get("reasonId")):
        body["reasonId"] = DEMO.reason
    if is_id(body.get("categoryId")):
        is_assignment = case.path.endswith("/assignments")
        body["categoryId"] = DEMO.spare[DEMO.category] if is_assignment else DEMO.category
    named = body.get("approverIds")
    if isinstance(named, list) and named and all(is_id(one) for one in named) and len(set(named)) == len(named):
        body["approverIds"] = DEMO.approvers[: len(named)]
        quorum = body.get("quorum")
        if isinstance(quorum, int) and quorum > len(body["approverIds"]):
            body["quorum"] = len(body["approverIds"])


def identify(case):
    """An id or an `Idempotency-Key` must be there: which no schema can say."""
    if case.body.get("id") is None and "Idempotency-Key" not in case.headers:
        content = json.dumps(case.body, sort_keys=True).encode()
        case.headers["Idempotency-Key"] = hashlib.sha256(content).hexdigest()


# Where a message may go instead of a person, and what no expression can say of it.
MESSAGES = {
    "POST /api/v1/notify/push": (re.compile(r"[!-~]{1,1024}"), "a-token"),
    "POST /api/v1/notify/email": (re.compile(r"[^\s\0]+@[^\s@\0]+"), "ledger@example.com"),
    "POST /api/v1/notify/sms": (re.compile(r"\+[1-9][0-9]{6,14}"), "+4915112345678"),
}
TEMPLATES = (
    *("level_opened", "level_closed", "withdrawn", "level_approved", "level_rejected", "rolled_back"),
    *("approved", "rejected"),
)
FILLED = {"title": "Fair", "amount": "10.00 EUR", "owner": "Sam", "level": 1, "levels": 2}


def address(case):
    """Either a person or an address, either a template (filled) or a text: which no schema of ours says. What is
    wrong by the schema stays wrong."""
    body = case.body
    form, good = MESSAGES[case.operation.label]
    if isinstance(body.get("to"), str) and form.fullmatch(body["to"]):
        body["to"] = good
        if isinstance(body.get("recipientId"), str) and UUID.fullmatch(body["recipientId"]):
            del body["recipientId"]
    if body.get("to") is None and body.get("recipientId") is None:
        body["to"] = good
    text = body.get("text")
    if body.get("template") in TEMPLATES and isinstance(text, str) and text and "\0" not in text:
        del body["template"]
    if body.get("template") is None and body.get("text") is None:
        body["text"] = "Hello"
    if isinstance(body.get("data", {}), dict):
        body["data"] = dict(FILLED) if body.get("template") else {}


def settle(case):
    """A time zone that there is, and two times that differ."""
    body = case.body
    if isinstance(body.get("timeZone"), str) and re.fullmatch("[A-Za-z0-9_+/-]{1,64}", body["timeZone"]):
        body["timeZone"] = "Europe/Berlin"
    quiet = body.get("quietHours")
    if isinstance(quiet, dict) and quiet.get("from") is not None and quiet.get("from") == quiet.get("to"):
        quiet["to"] = "07:00" if quiet["from"] != "07:00" else "08:00"
