"""A phone's client of Athena Budget, written from PROTOCOL.md: standard library only, to be read in one sitting.

Everything is in one SQLite file and every step is one transaction: `kill -9` at any point loses nothing.
"""
import json
import secrets
import sqlite3
import time
import urllib.parse
import uuid

from record import blank, overlay
from stamps import rfc3339, stamp_text, stamp_time, uuid7
from wire import Offline, Problem, send

FEEDS = {"requests": "sales", "approvals": "approver"}  # feed: the role that has it
BATCH_ITEMS, BATCH_BYTES = 500, 900_000  # the server takes 500 changes and 1 MiB
WAIT_MAX_S = 60
SCHEMA = """
-- Single values, what it has not settled, what the server said, and what the user must be told.
create table if not exists meta (name text primary key, value text not null);
create table if not exists queue (seq integer primary key, op_id text unique not null, user text not null,
    feed text not null, item text not null, tries integer not null default 0, due_ms integer not null default 0);
create table if not exists record (user text, feed text, id text, body text not null, stale integer not null default 0,
    primary key (user, feed, id));
create table if not exists notice (op_id text primary key, user text not null, body text not null);
"""


class Client:
    def __init__(self, base_url, store, clock_ms=lambda: time.time_ns() // 1_000_000):
        self.base_url, self.clock_ms, self.batch_max = base_url.rstrip("/"), clock_ms, BATCH_ITEMS
        self.db = sqlite3.connect(store)
        self.db.executescript("pragma journal_mode = wal; pragma synchronous = full;" + SCHEMA)
        if self.get("device") is None:
            with self.db:
                self.put(device=str(uuid.uuid4()), nodes=[])

    def login(self, email, password):
        body = {"email": email, "password": password, "deviceId": self.get("device")}
        answer = self.call("POST", "/auth/login", body, token=False)
        with self.db:  # a new node each time: a phone set up from another's backup has the other's
            self.put(nodes=self.get("nodes") + [secrets.token_hex(8)])
            self.keep_session(answer)

    def edit(self, record, fields):
        with self.db:
            return self.write(str(record), fields)

    def command(self, kind, record):
        """`submit`, `withdraw` or `delete`."""
        with self.db:
            members = {"seen": self.shown_stamps(record)} if kind == "submit" else {}
            return self.enqueue("requests", kind, record, **members)

    def vote(self, approval, kind, comment=None):
        """`approve`, `reject` or `rollback`, of the revision on the screen."""
        with self.db:
            revision = self.stored("approvals", approval)["revision"]
            return self.enqueue("approvals", kind, approval, revision=revision, comment=comment)

    def dismiss(self, op_id):
        with self.db:
            self.db.execute("delete from notice where op_id = ?", [op_id])

    def records(self):
        """Requests as the app shows them: what the server said, and on top of it what is still queued."""
        ids = {id for id, in self.rows("select id from record where user = ? and feed = 'requests'")}
        ids |= {item["id"] for item in self.queue() if item["type"] == "upsert"}
        return {id: body for id in ids if (body := self.shown(id))}

    def approvals(self):
        rows = self.rows("select id, body from record where user = ? and feed = 'approvals'")
        return {id: json.loads(body) for id, body in rows}

    def queue(self):
        return [json.loads(item) for item, in self.rows("select item from queue where user = ? order by seq")]

    def notices(self):
        return [json.loads(body) for body, in self.rows("select body from notice where user = ? order by rowid")]

    def sync(self, asked=True):
        """Sends what is due and pulls. When asked for it now, by a poke or the user, all that waits is due; a
        timer (`asked=False`) sends only what has waited long enough. A Retry-After is kept either way."""
        due = any(ms <= self.clock_ms() for ms, in self.rows("select due_ms from queue where user = ?"))
        wait_ms = max(self.get("not_before_ms", 0), 0 if asked else self.get("retry_ms", 0))
        if not self.get("access") or self.clock_ms() < wait_ms or not (asked or due):
            return
        with self.db:
            self.db.execute("update queue set due_ms = 0 where ?", [asked])
        try:
            for feed in (feed for feed, role in FEEDS.items() if role in self.get("roles")):
                self.sync_feed(feed)
            state = {"failures": 0}
        except (Offline, Problem, KeyError) as failure:  # KeyError: an answer of 200 that is not of the contract
            status, code, after_s = failure.args if isinstance(failure, Problem) else (0, None, 0)
            failures = self.get("failures", 0) + 1
            jitter_ms = secrets.randbelow(min(2 ** failures, WAIT_MAX_S) * 1000)
            state = {"failures": failures, "retry_ms": self.clock_ms() + jitter_ms}
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
                        self.db.execute("update record set stale = 1 where user = ? and feed = ?", [self.user, feed])
                        self.put(**{f"{self.user} {feed}": None})
                    elif problem.args[0] == 413 and len(items) > 1:
                        self.batch_max = len(items) // 2
                    elif problem.args[0] == 413:
                        self.finish(items[0], "refused", problem.args[1], list(items[0].get("fields", {})))
                    else:
                        raise

    def sendable(self, feed):
        """Items that are due, in order; none of a record before its earlier ones are settled."""
        items, waiting, size = [], set(), 0
        for text, due_ms in self.rows("select item, due_ms from queue where user = ? and feed = ? order by seq", feed):
            item, size = json.loads(text), size + len(text.encode())
            if len(items) == self.batch_max or items and size > BATCH_BYTES:
                break
            if due_ms > self.clock_ms() or item["id"] in waiting:
                waiting.add(item["id"])
            else:
                items.append(item)
        return items

    def push(self, feed, items):
        answer = self.call("POST", f"/{feed}/sync", {
            "deviceId": self.get("device"), "userId": self.user, "clientTime": rfc3339(self.clock_ms()),
            "lastSync": self.get(f"{self.user} {feed}"), "changes": items})
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
            self.store(feed, result["record"])
        if verdict == "deferred" or result.get("retryable"):
            (tries,), = self.db.execute("select tries + 1 from queue where op_id = ?", [item["opId"]])
            due_ms = self.clock_ms() + min(2 ** tries, WAIT_MAX_S) * 1000
            self.db.execute("update queue set tries = ?, due_ms = ? where op_id = ?", [tries, due_ms, item["opId"]])
        elif verdict in ("applied", "merged", "duplicate"):
            if verdict == "applied" and item["type"] == "upsert":
                self.store(feed, overlay(self.stored(feed, item["id"]), item))
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
        for seq, text in self.rows("select seq, item from queue where user = ? order by seq"):
            item = json.loads(text)
            edit = item.get("fields", {}).get("justification")
            if isinstance(edit, dict):
                edit["base"] = renew(edit["base"])
            if "seen" in item:
                item["seen"] = {name: renew(stamp) for name, stamp in item["seen"].items()}
            anew[item["hlc"]] = item["hlc"] = self.next_stamp()
            # The first time it goes again at once; a server that is not content with that is not hurried.
            row = [json.dumps(item), seq]
            self.db.execute("update queue set item = ?, due_ms = due_ms * (tries > 1) where seq = ?", row)

    def pull(self, feed):
        position = self.get(f"{self.user} {feed}")
        answer = self.call("GET", f"/{feed}/updates", query={"lastSync": position} if position else None)
        with self.db:
            self.take_page(feed, answer)
        return answer["hasMore"]

    def take_page(self, feed, answer):
        for change in answer["changes"]:
            if change.get("kind") == "remove":
                self.store(feed, {"id": change["id"], "deleted": True})
            elif change.get("kind") == "upsert":  # another kind is of a later server
                old, new = self.stored(feed, change["record"]["id"], stale=1), change["record"]
                self.store(feed, new)
                if feed == "requests" and new["status"] == "draft" and (lost := self.newer(old, new)):
                    self.write(new["id"], lost)  # a restored server has lost them: they are queued again
        if answer["lastSync"] is not None:
            self.put(**{f"{self.user} {feed}": answer["lastSync"]})
        if not answer["hasMore"]:  # what a pull from the beginning did not bring is gone, but for our own values
            for id, in self.rows("select id from record where user = ? and feed = ? and stale", feed):
                lost = self.newer(self.stored(feed, id), blank(id)) if feed == "requests" else {}
                self.db.execute("delete from record where user = ? and feed = ? and id = ?", [self.user, feed, id])
                if lost:
                    self.write(id, lost)

    def newer(self, old, new):
        """Our own values that are newer than the server's."""
        own = [name for name, stamp in old["stamps"].items() if stamp[30:] in self.get("nodes")]
        return {name: old[name] for name in own if old["stamps"][name] > new["stamps"].get(name, "")}

    user = property(lambda self: self.get("user"))

    def rows(self, query, *more):
        return self.db.execute(query, [self.user, *more]).fetchall()

    def get(self, name, default=None):
        row = self.db.execute("select value from meta where name = ?", [name]).fetchone()
        return json.loads(row[0]) if row else default

    def put(self, **values):
        for name, value in values.items():
            self.db.execute("insert or replace into meta values (?, ?)", [name, json.dumps(value)])

    def next_stamp(self):
        """Above all given and observed so far, whatever the wall clock does; kept with what it stamps."""
        wall_ms = max(self.clock_ms() + self.get("offset_ms", 0), 0)
        self.put(clock=max(wall_ms << 16, self.get("clock", 0) + 1))
        return stamp_text(self.get("clock"), self.get("nodes")[-1])

    def write(self, record, fields):
        text, base = fields.get("justification"), self.shown_stamps(record).get("justification")
        if isinstance(text, str) and base:  # made of the text on the screen
            fields = {**fields, "justification": {"text": text, "base": base}}
        return self.enqueue("requests", "upsert", record, fields=fields)

    def enqueue(self, feed, kind, record, **members):
        item = {"opId": uuid7(self.clock_ms()), "type": kind, "id": str(record), "hlc": self.next_stamp(), **members}
        row = [item["opId"], self.user, feed, json.dumps(item)]
        self.db.execute("insert into queue (op_id, user, feed, item) values (?, ?, ?, ?)", row)
        return item["id"]

    def finish(self, item, notice=None, code=None, fields=(), detail=None):
        """Takes it off the queue. A notice, with the item as it was, is kept until its user dismisses it."""
        self.db.execute("delete from queue where op_id = ?", [item["opId"]])
        if notice:
            body = {"kind": notice, "opId": item["opId"], "id": item["id"], "code": code, "fields": fields,
                    "detail": detail, "item": item}
            row = [item["opId"], self.user, json.dumps(body)]
            self.db.execute("insert or replace into notice values (?, ?, ?)", row)

    def stored(self, feed, record, stale=0):
        query = "select body from record where user = ? and feed = ? and id = ? and stale >= ?"
        found = self.rows(query, feed, str(record), stale)
        return json.loads(found[0][0]) if found else blank(str(record))

    def store(self, feed, body):
        self.db.execute("delete from record where user = ? and feed = ? and id = ?", [self.user, feed, body["id"]])
        if not body.get("deleted"):
            row = [self.user, feed, body["id"], json.dumps(body)]
            self.db.execute("insert into record (user, feed, id, body) values (?, ?, ?, ?)", row)

    def shown(self, record):
        body = self.stored("requests", record)
        for item in (item for item in self.queue() if item["id"] == str(record)):
            if item["type"] == "delete":
                return None
            body = overlay(body, item) if item["type"] == "upsert" else body
        return body

    def shown_stamps(self, record):
        """The stamp of each field on the screen; of the text its heads, or one's own latest edit."""
        body = self.shown(record) or blank(record)
        heads = {"justification": body["justificationHeads"]} if body["justificationHeads"] else {}
        return {**body["stamps"], **heads}

    def keep_session(self, answer):
        self.put(access=answer["accessToken"], refresh=answer["refreshToken"],
                 user=answer["user"]["id"], roles=answer["user"]["roles"])

    def call(self, method, path, body=None, query=None, token=True):
        url = f"{self.base_url}/api/v1{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        try:
            return send(method, url, body, self.get("access") if token else None)
        except Problem as problem:
            if problem.args[1] != "token_expired" or not token:
                raise
        answer = self.call("POST", "/auth/refresh", {"refreshToken": self.get("refresh")}, token=False)
        with self.db:
            self.keep_session(answer)
        return send(method, url, body, self.get("access"))
