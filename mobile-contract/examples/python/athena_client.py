"""A phone's client of Athena Budget, written from PROTOCOL.md: standard library only, to be read in one sitting.

Everything is in one SQLite file and every step is one transaction: `kill -9` at any point loses nothing.
"""
import datetime
import http.client
import json
import secrets
import sqlite3
import time
import urllib.parse
import urllib.request
import uuid

FEEDS = {"requests": "sales", "approvals": "approver"}  # feed: the role that has it
FIELDS = ("title", "amount", "categoryId", "reasonId", "departmentId", "region", "neededBy", "justification")
BATCH_ITEMS, BATCH_BYTES = 500, 900_000  # the server takes 500 changes and 1 MiB
WAIT_MAX_S = 60
# What a kind of thing is by its key: single values, and of each user the queue, the feeds and the notices.
SCHEMA = "create table if not exists kept (kind text, key text, body text not null, unique (kind, key));"


class Offline(Exception):
    """No whole answer came, or one that makes no sense: nobody knows what the server did."""


class Problem(Exception):
    """The server refused the request as a whole: status, code, seconds to wait."""


class Client:
    def __init__(self, base_url, store, clock_ms=lambda: time.time_ns() // 1_000_000):
        self.base_url, self.clock_ms, self.batch_max = base_url.rstrip("/"), clock_ms, BATCH_ITEMS
        self.db = sqlite3.connect(store)
        self.db.executescript("pragma journal_mode = wal; pragma synchronous = full;" + SCHEMA)

    def login(self, email, password):
        device = self.get("device") or str(uuid.uuid4())
        with self.db:  # a new node each time: a phone set up from another's backup has the other's
            self.open_session("/auth/login", {"email": email, "password": password, "deviceId": device})
            self.put(device=device, nodes=self.get("nodes", []) + [secrets.token_hex(8)])

    def edit(self, id, fields):
        with self.db:
            return self.write(str(id), fields)

    def command(self, kind, id):
        """`submit`, `withdraw` or `delete`."""
        with self.db:
            members = {"seen": self.shown_stamps(id)} if kind == "submit" else {}
            return self.enqueue("requests", kind, id, **members)

    def vote(self, id, vote, comment=None):
        """`approve`, `reject` or `rollback`, of the revision on the screen."""
        with self.db:
            return self.enqueue("approvals", vote, id, revision=self.one("approvals", id)["revision"], comment=comment)

    def dismiss(self, op_id):
        with self.db:
            self.drop("notices", op_id)

    def records(self):
        """Requests as the app shows them: what the server said, and on top of it what is still queued."""
        ids = {*self.all("requests"), *(item["id"] for item in self.queue() if item["type"] == "upsert")}
        return {id: body for id in ids if (body := self.shown(id))}

    def approvals(self):
        return self.all("approvals")

    def queue(self):
        return [row["item"] for row in self.all("queue").values()]

    def notices(self):
        return list(self.all("notices").values())

    def sync(self, asked=True):
        """Sends what is due and pulls. When asked for it now, by a poke or the user, all that waits is due; a
        timer (`asked=False`) sends only what has waited long enough. A Retry-After is kept either way."""
        due = any(row["due_ms"] <= self.clock_ms() for row in self.all("queue").values())
        wait_ms = max(self.get("not_before_ms", 0), 0 if asked else self.get("retry_ms", 0))
        if not self.get("access") or self.clock_ms() < wait_ms or not (asked or due):
            return
        with self.db:
            for op_id, row in self.all("queue").items() if asked else []:
                self.keep("queue", op_id, row | {"due_ms": 0})
        try:
            for feed in (feed for feed, role in FEEDS.items() if role in self.get("roles")):
                self.sync_feed(feed)
            state = {"failures": 0}
        except (Offline, Problem, KeyError) as failure:  # KeyError: an answer of 200 that is not of the contract
            status, code, after_s = failure.args if isinstance(failure, Problem) else (0, None, 0)
            failures = self.get("failures", 0) + 1
            wait_ms = secrets.randbelow(min(2 ** failures, WAIT_MAX_S) * 1000)
            state = {"failures": failures, "retry_ms": self.clock_ms() + wait_ms}
            if after_s:
                state["not_before_ms"] = self.clock_ms() + after_s * 1000
            if status == 401 and code != "token_expired":  # the session has ended; the queue stays
                state["access"] = None
        with self.db:
            self.put(**state)

    def sync_feed(self, feed):
        more = True
        while (items := self.sendable(feed)) or more:
            try:
                more = self.push(feed, items) if items else self.pull(feed)
            except Problem as problem:
                with self.db:
                    if problem.args[0] == 410:  # our place in the feed is gone: all of it from the beginning
                        for id, body in self.all(feed).items():
                            self.keep(feed, id, body | {"stale": True})
                        self.drop("places", feed)
                    elif problem.args[0] == 413 and len(items) > 1:
                        self.batch_max = len(items) // 2
                    elif problem.args[0] == 413:
                        self.finish(items[0], "refused", problem.args[1], list(items[0].get("fields", {})))
                    else:
                        raise

    def sendable(self, feed):
        """Items that are due, in order; none of a record before its earlier ones are settled."""
        items, waiting, size = [], set(), 0
        for row in (row for row in self.all("queue").values() if row["feed"] == feed):
            item, size = row["item"], size + len(json.dumps(row["item"]))
            if len(items) == self.batch_max or items and size > BATCH_BYTES:
                break
            if row["due_ms"] > self.clock_ms() or item["id"] in waiting:
                waiting.add(item["id"])
            else:
                items.append(item)
        return items

    def push(self, feed, items):
        answer = self.call("POST", f"/{feed}/sync", {
            "deviceId": self.get("device"), "userId": self.get("user"), "clientTime": rfc3339(self.clock_ms()),
            "lastSync": self.one("places", feed), "changes": items})
        results = {result.get("opId"): result for result in answer["results"]}
        silence = {"verdict": "deferred"}  # is never success
        with self.db:
            codes = [self.settle(feed, item, results.get(item["opId"], silence)) for item in items]
            self.take_page(feed, answer)
            if "clock_ahead" in codes:
                self.stamp_anew(answer)
            else:
                self.put(clock=max(self.get("clock", 0), stamp_time(answer["hlc"])))
                if self.get("offset_ms"):  # somebody may have put the clock right
                    self.put(offset_ms=answer["clockOffsetMs"])
        return answer["hasMore"]

    def settle(self, feed, item, result):
        """What a verdict means for its item; its code."""
        verdict, code, detail = result.get("verdict"), result.get("code"), result.get("detail")
        if result.get("record"):
            self.keep(feed, item["id"], result["record"])
        if verdict == "deferred" or result.get("retryable"):
            row = self.one("queue", item["opId"])
            tries = row["tries"] + 1
            due_ms = self.clock_ms() + min(2 ** tries, WAIT_MAX_S) * 1000
            self.keep("queue", item["opId"], row | {"tries": tries, "due_ms": due_ms})
        elif verdict in ("applied", "merged", "duplicate"):
            if verdict == "applied" and item["type"] == "upsert":
                self.keep(feed, item["id"], overlay(self.one(feed, item["id"]) or blank(item["id"]), item))
            lost = result.get("superseded")
            self.finish(item, "superseded" if lost else None, code, lost, detail)
        else:  # refused for good, or a word that this client does not know: kept and shown
            self.finish(item, "refused", code or verdict, list(item.get("fields", {})), detail)
        return code

    def stamp_anew(self, answer):
        """The clock was ahead: drops its state, goes on from the server's, stamps the queue anew, in order."""
        self.put(offset_ms=answer["clockOffsetMs"], clock=stamp_time(answer["hlc"]))
        anew = {}  # new stamps by old: bases, and what a submit has seen, name them too
        renew = lambda old: [renew(one) for one in old] if isinstance(old, list) else anew.get(old, old)
        for op_id, row in self.all("queue").items():
            item = row["item"]
            edit = item.get("fields", {}).get("justification")
            if isinstance(edit, dict):
                edit["base"] = renew(edit["base"])
            if "seen" in item:
                item["seen"] = {name: renew(stamp) for name, stamp in item["seen"].items()}
            anew[item["hlc"]] = item["hlc"] = self.next_stamp()
            # The first time it goes again at once; a server that is not content with that is not hurried.
            self.keep("queue", op_id, row | {"due_ms": row["due_ms"] * (row["tries"] > 1)})

    def pull(self, feed):
        place = self.one("places", feed)
        answer = self.call("GET", f"/{feed}/updates" + (f"?lastSync={urllib.parse.quote(place)}" if place else ""))
        with self.db:
            self.take_page(feed, answer)
        return answer["hasMore"]

    def take_page(self, feed, answer):
        for change in answer["changes"]:
            if change.get("kind") == "remove":
                self.drop(feed, change["id"])
            elif change.get("kind") == "upsert":  # another kind is of a later server
                old, new = self.one(feed, change["record"]["id"], {}), change["record"]
                self.keep(feed, new["id"], new)
                if "stale" in old and new["status"] == "draft" and (lost := self.newer(old, new)):
                    self.write(new["id"], lost)  # a restored server has lost them: they are queued again
        if answer["lastSync"] is not None:
            self.keep("places", feed, answer["lastSync"])
        if not answer["hasMore"]:  # what a pull from the beginning did not bring is gone, but for our own values
            for id, old in self.all(feed).items():
                if "stale" in old:
                    self.drop(feed, id)
                    if feed == "requests" and (lost := self.newer(old, blank(id))):
                        self.write(id, lost)

    def newer(self, old, new):
        """Our own values that are newer than the server's."""
        own = [name for name, stamp in old["stamps"].items() if stamp[30:] in self.get("nodes")]
        return {name: old[name] for name in own if old["stamps"][name] > new["stamps"].get(name, "")}

    def kind(self, name):
        return name if name == "meta" else f"{self.get('user')} {name}"

    def all(self, kind):
        """In the order in which they came."""
        rows = self.db.execute("select key, body from kept where kind = ? order by rowid", [self.kind(kind)])
        return {key: json.loads(body) for key, body in rows}

    def one(self, kind, key, default=None):
        row = self.db.execute("select body from kept where kind = ? and key = ?", [self.kind(kind), key]).fetchone()
        return json.loads(row[0]) if row else default

    def keep(self, kind, key, body):
        row = [self.kind(kind), key, json.dumps(body)]
        self.db.execute("insert into kept values (?, ?, ?) on conflict do update set body = excluded.body", row)

    def drop(self, kind, key):
        self.db.execute("delete from kept where kind = ? and key = ?", [self.kind(kind), key])

    def get(self, name, default=None):
        return self.one("meta", name, default)

    def put(self, **values):
        for name, value in values.items():
            self.keep("meta", name, value)

    def next_stamp(self):
        """Above all given and observed so far, whatever the wall clock does; kept with what it stamps."""
        wall_ms = max(self.clock_ms() + self.get("offset_ms", 0), 0)
        self.put(clock=max(wall_ms << 16, self.get("clock", 0) + 1))
        return stamp_text(self.get("clock"), self.get("nodes")[-1])

    def write(self, id, fields):
        text, base = fields.get("justification"), self.shown_stamps(id).get("justification")
        if isinstance(text, str) and base:  # made of the text on the screen
            fields = {**fields, "justification": {"text": text, "base": base}}
        return self.enqueue("requests", "upsert", id, fields=fields)

    def enqueue(self, feed, kind, id, **members):
        item = {"opId": uuid7(self.clock_ms()), "type": kind, "id": id, "hlc": self.next_stamp(), **members}
        self.keep("queue", item["opId"], {"feed": feed, "item": item, "tries": 0, "due_ms": 0})
        return id

    def finish(self, item, notice=None, code=None, fields=(), detail=None):
        """Takes it off the queue. A notice, with the item as it was, is kept until its user dismisses it."""
        self.drop("queue", item["opId"])
        if notice:
            self.keep("notices", item["opId"], {"kind": notice, "opId": item["opId"], "id": item["id"], "code": code,
                                                "fields": fields, "detail": detail, "item": item})

    def shown(self, id):
        body = self.one("requests", id) or blank(id)
        for item in (item for item in self.queue() if item["id"] == id):
            if item["type"] == "delete":
                return None
            body = overlay(body, item) if item["type"] == "upsert" else body
        return None if body.get("deleted") else body

    def shown_stamps(self, id):
        """The stamp of each field on the screen; of the text its heads, or one's own latest edit."""
        body = self.shown(id) or blank(id)
        heads = {"justification": body["justificationHeads"]} if body["justificationHeads"] else {}
        return {**body["stamps"], **heads}

    def open_session(self, path, body):
        answer = self.call("POST", path, body, token=False)
        self.put(access=answer["accessToken"], refresh=answer["refreshToken"],
                 user=answer["user"]["id"], roles=answer["user"]["roles"])

    def call(self, method, path, body=None, token=True):
        url = f"{self.base_url}/api/v1{path}"
        try:
            return send(method, url, body, self.get("access") if token else None)
        except Problem as problem:
            if problem.args[1] != "token_expired" or not token:
                raise
        with self.db:  # kept before it is used
            self.open_session("/auth/refresh", {"refreshToken": self.get("refresh")})
        return send(method, url, body, self.get("access"))


def blank(id):
    return {"id": id, "status": "draft", "stamps": {}, "justificationHeads": [], **dict.fromkeys(FIELDS)}


def overlay(body, item):
    """The record as it is once an edit of one's own is taken."""
    for name, value in item["fields"].items():
        if name == "justification":
            value = value["text"] if isinstance(value, dict) else value
            body["justificationHeads"] = [item["hlc"]]
        elif item["hlc"] < body["stamps"].get(name, ""):
            continue
        body[name], body["stamps"][name] = value, item["hlc"]
    return body


def uuid7(now_ms=None):
    bits = (now_ms or time.time_ns() // 1_000_000) << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62
    return str(uuid.UUID(int=bits | secrets.randbits(62)))


def rfc3339(ms):
    return f"{datetime.datetime.fromtimestamp(ms // 1000, datetime.UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z"


def stamp_text(at, node):
    """A stamp from milliseconds << 16 | counter and the node's 16 digits."""
    return f"{rfc3339(at >> 16)}-{at & 0xFFFF:04x}-{node}"


def stamp_time(stamp):
    """Milliseconds << 16 | counter of a stamp."""
    return round(datetime.datetime.fromisoformat(stamp[:24]).timestamp() * 1000) << 16 | int(stamp[25:29], 16)


class AnyStatus(urllib.request.HTTPErrorProcessor):
    http_response = https_response = lambda self, request, response: response


def send(method, url, body=None, token=None):
    """The body of an answer of 200. Raises `Problem` for one that refuses, `Offline` for none of the contract."""
    headers = {"accept": "application/json", "content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    try:
        request = urllib.request.Request(url, body and json.dumps(body).encode(), headers, method=method)
        with urllib.request.build_opener(AnyStatus).open(request, timeout=30) as response:
            answer, after = json.load(response), response.headers.get("retry-after", "")
        if response.status == 200:
            return dict(answer)
        problem = Problem(response.status, answer["code"], int(after) if after.isdigit() else 0)
    except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError) as error:
        raise Offline(error) from None
    raise problem
