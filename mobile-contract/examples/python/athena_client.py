"""A phone's client of Athena Budget, written from PROTOCOL.md: standard library only, to be read in one sitting.

    client = Client("https://athena.example", "phone.sqlite")
    client.login("sales1@demo.athena", "athena-demo")
    draft = client.edit(uuid7(), {"title": "Trade fair", "justification": "Where customers decide."})
    client.submit(draft)
    client.sync()            # on a poke, a connectivity event, a pull to refresh
    client.tick()            # from a timer: sends what is due again
    client.records(), client.queue(), client.notices()

Everything is in one SQLite file, each step in one transaction: `kill -9` at any point loses nothing.
"""
import datetime, http.client, json, os, secrets, sqlite3, time, urllib.error, urllib.parse, urllib.request, uuid

FIELDS = ("title", "amount", "categoryId", "reasonId", "departmentId", "region", "neededBy", "justification")
FEEDS = {"requests": "sales", "approvals": "approver"}  # feed: the role that has it
BATCH_ITEMS, BATCH_BYTES = 500, 900_000  # the server takes 500 changes and 1 MiB
WAIT_MAX_S = 60

SCHEMA = """
create table if not exists meta (name text primary key, value text not null);
create table if not exists queue (seq integer primary key, op_id text unique not null, user text not null,
    feed text not null, record text not null, item text not null, tries integer not null default 0,
    due_ms integer not null default 0);
create table if not exists record (user text, feed text, id text, body text not null, primary key (user, feed, id));
create table if not exists notice (op_id text primary key, user text not null, body text not null);
"""


class Offline(Exception):
    """No whole answer came, or one that makes no sense: nobody knows what the server did."""


class SignedOut(Exception):
    """The session has ended. The queue stays."""


class Problem(Exception):
    """The server refused the request as a whole."""

    def __init__(self, status, code, retry_after_s):
        super().__init__(f"{status} {code}")
        self.status, self.code, self.retry_after_s = status, code, retry_after_s


def uuid7(now_ms=None):
    bits = (now_ms or time.time_ns() // 1_000_000) << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62
    return str(uuid.UUID(int=bits | secrets.randbits(62)))


def rfc3339(ms):
    whole = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z"


def stamp_text(at, node):
    """A stamp from milliseconds << 16 | counter and the node's 16 digits."""
    return f"{rfc3339(at >> 16)}-{at & 0xFFFF:04x}-{node}"


def stamp_time(stamp):
    """Milliseconds << 16 | counter of a stamp."""
    whole = datetime.datetime.strptime(stamp[:24], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    since = whole - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return since // datetime.timedelta(milliseconds=1) << 16 | int(stamp[25:29], 16)


class Client:
    def __init__(self, base_url, store, clock_ms=lambda: time.time_ns() // 1_000_000):
        self.base_url, self.clock_ms, self.batch_max = base_url.rstrip("/"), clock_ms, BATCH_ITEMS
        self.db = sqlite3.connect(store)
        self.db.executescript("pragma journal_mode = wal; pragma synchronous = full;" + SCHEMA)
        if self.get("device") is None:
            with self.db:
                self.put("device", str(uuid.uuid4()))
                self.put("nodes", [secrets.token_hex(8)])

    # -- what the app calls ------------------------------------------------------------------------------------

    def login(self, email, password):
        body = {"email": email, "password": password, "deviceId": self.get("device")}
        answer = self.call("POST", "/auth/login", body, token=False)
        with self.db:
            self.keep_session(answer)
            self.put("nodes", self.get("nodes") + [secrets.token_hex(8)])  # a copied phone draws another

    def edit(self, record, fields):
        fields = dict(fields)
        if isinstance(fields.get("justification"), str):
            base = self.shown_stamps(record).get("justification")
            if base:  # of the text on the screen: the server's heads, or the stamp of one's own latest edit
                fields["justification"] = {"text": fields["justification"], "base": base}
        return self.enqueue("requests", "upsert", record, fields=fields)

    def submit(self, record):
        return self.enqueue("requests", "submit", record, seen=self.shown_stamps(record))

    def withdraw(self, record):
        return self.enqueue("requests", "withdraw", record)

    def delete(self, record):
        return self.enqueue("requests", "delete", record)

    def vote(self, approval, vote, comment=None):
        revision = self.stored("approvals", approval)["revision"]
        return self.enqueue("approvals", vote, approval, revision=revision, comment=comment)

    def dismiss(self, op_id):
        with self.db:
            self.db.execute("delete from notice where op_id = ?", [op_id])

    def records(self):
        """Requests as the app shows them: what the server said, and on top of it what is still queued."""
        rows = self.db.execute("select id from record where user = ?1 and feed = 'requests' union "
                               "select record from queue where user = ?1 and feed = 'requests'", [self.user])
        shown = {record: self.shown(record) for record, in rows.fetchall()}
        return {record: body for record, body in shown.items() if body}

    def approvals(self):
        rows = self.db.execute("select id, body from record where user = ? and feed = 'approvals'", [self.user])
        return {approval: json.loads(body) for approval, body in rows}

    def queue(self):
        rows = self.db.execute("select item from queue where user = ? order by seq", [self.user])
        return [json.loads(item) for item, in rows]

    def notices(self):
        rows = self.db.execute("select body from notice where user = ? order by rowid", [self.user])
        return [json.loads(body) for body, in rows]

    def sync(self):
        """Something asks for a sync now: waiting times of our own are over, a Retry-After is not."""
        with self.db:
            self.db.execute("update queue set due_ms = 0")
            self.put("retry_ms", 0)
        self.run()

    def tick(self):
        """Time has passed: sends what is due."""
        due = self.db.execute("select 1 from queue where user = ? and due_ms <= ?", [self.user, self.clock_ms()])
        if due.fetchone() and self.clock_ms() >= self.get("retry_ms", 0):
            self.run()

    # -- one sync ----------------------------------------------------------------------------------------------

    def run(self):
        if not self.get("access") or self.clock_ms() < self.get("not_before_ms", 0):
            return
        try:
            for feed, role in FEEDS.items():
                if role in self.get("roles"):
                    self.run_feed(feed)
            with self.db:
                self.put("failures", 0)
        except SignedOut:
            with self.db:
                self.put("access", None)
        except (Offline, Problem) as failure:
            failures = self.get("failures", 0) + 1
            wait_ms = secrets.randbelow(min(2 ** failures, WAIT_MAX_S) * 1000)  # full jitter
            with self.db:
                self.put("failures", failures)
                self.put("retry_ms", self.clock_ms() + wait_ms)
                if isinstance(failure, Problem) and failure.retry_after_s:
                    self.put("not_before_ms", self.clock_ms() + failure.retry_after_s * 1000)

    def run_feed(self, feed):
        more = True
        while rows := self.sendable(feed):
            try:
                more = self.push(feed, rows)
            except Problem as problem:
                if problem.status == 413 and len(rows) > 1:
                    self.batch_max = len(rows) // 2
                elif problem.status == 413:
                    with self.db:
                        self.refuse(rows[0], problem.code, "the server takes nothing so large")
                elif problem.status == 410:
                    self.resync(feed)
                else:
                    raise
        while more:
            try:
                more = self.pull(feed)
            except Problem as problem:
                if problem.status != 410:
                    raise
                self.resync(feed)
                more = False

    def sendable(self, feed):
        """Items that are due, in order; none of a record before its earlier ones are settled."""
        rows, waiting, size = [], set(), 0
        for op_id, record, item, due_ms in self.db.execute(
                "select op_id, record, item, due_ms from queue where user = ? and feed = ? order by seq",
                [self.user, feed]):
            size += len(item.encode())
            if len(rows) == self.batch_max or rows and size > BATCH_BYTES:
                break
            if due_ms > self.clock_ms() or record in waiting:
                waiting.add(record)
            else:
                rows.append((op_id, record, json.loads(item)))
        return rows

    def push(self, feed, rows):
        last_sync = self.get(f"last_sync {self.user} {feed}")
        body = {"deviceId": self.get("device"), "userId": self.user, "clientTime": rfc3339(self.clock_ms()),
                "lastSync": last_sync, "changes": [item for _, _, item in rows]}
        answer = self.call("POST", f"/{feed}/sync", body)
        with self.db:
            by_op = {result.get("opId"): result for result in answer["results"]}
            verdicts = [self.settle(feed, row, by_op[row[0]]) for row in rows if row[0] in by_op]
            self.take_changes(feed, answer)
            if "clock_ahead" in verdicts:
                self.stamp_anew(answer)
            else:
                self.put("clock", max(self.get("clock", 0), stamp_time(answer["hlc"])))
                if self.get("offset_ms"):
                    self.put("offset_ms", answer["clockOffsetMs"])  # somebody may have put the clock right
        return answer["hasMore"]

    def settle(self, feed, row, result):
        """What a verdict means for its item. Gives back `clock_ahead` for the batch to see."""
        op_id, record, item = row
        verdict, code = result.get("verdict"), result.get("code")
        if verdict == "deferred" or result.get("retryable"):
            if code == "clock_ahead":
                return code
            tries = self.db.execute("update queue set tries = tries + 1 where op_id = ? returning tries", [op_id])
            wait_s = min(2 ** tries.fetchone()[0], WAIT_MAX_S)
            self.db.execute("update queue set due_ms = ? where op_id = ?", [self.clock_ms() + wait_s * 1000, op_id])
            return verdict
        if result.get("record"):
            self.store(feed, result["record"])
        if verdict in ("applied", "merged", "duplicate"):
            if verdict == "applied" and item["type"] == "upsert":
                self.store(feed, self.overlay(self.stored(feed, record) or self.blank(record), item))
            if result.get("superseded"):
                self.notify("superseded", row, code, result["superseded"], result.get("detail"))
            self.db.execute("delete from queue where op_id = ?", [op_id])
        else:  # refused for good, or a word that this client does not know: kept, and shown
            self.refuse(row, code or verdict, result.get("detail"))
        return verdict

    def stamp_anew(self, answer):
        """The clock was ahead: drops its state, goes on from the server's, stamps the queue anew in order."""
        self.put("offset_ms", answer["clockOffsetMs"])
        self.put("clock", stamp_time(answer["hlc"]))
        anew = {}
        for seq, text in self.db.execute("select seq, item from queue where user = ? order by seq", [self.user]).fetchall():
            item = json.loads(text)
            anew[item["hlc"]] = item["hlc"] = self.next_stamp()
            for holder in (item.get("fields", {}).get("justification"), item.get("seen")):
                if isinstance(holder, dict):
                    for name, old in holder.items():
                        if isinstance(old, list):
                            holder[name] = [anew.get(stamp, stamp) for stamp in old]
                        elif holder is item.get("seen"):
                            holder[name] = anew.get(old, old)
            self.db.execute("update queue set item = ? where seq = ?", [json.dumps(item), seq])

    def pull(self, feed):
        with_position = {"lastSync": self.get(f"last_sync {self.user} {feed}")}
        answer = self.call("GET", f"/{feed}/updates", query={k: v for k, v in with_position.items() if v})
        with self.db:
            self.take_changes(feed, answer)
        return answer["hasMore"]

    def take_changes(self, feed, answer):
        for change in answer["changes"]:
            if change.get("kind") == "upsert":
                self.store(feed, change["record"])
            elif change.get("kind") == "remove":
                self.store(feed, {"id": change["id"], "deleted": True})
        if answer["lastSync"] is not None:
            self.put(f"last_sync {self.user} {feed}", answer["lastSync"])

    def resync(self, feed):
        """Our place in the feed is gone: everything from the beginning, in one step at its end."""
        kept, position = {}, None
        while True:
            answer = self.call("GET", f"/{feed}/updates", query={"lastSync": position} if position else {})
            for change in answer["changes"]:
                if change.get("kind") == "upsert":
                    kept[change["record"]["id"]] = change["record"]
                elif change.get("kind") == "remove":
                    kept.pop(change["id"], None)
            position = answer["lastSync"]
            if not answer["hasMore"]:
                break
        lost = {}
        for record, new in kept.items() if feed == "requests" else ():
            old = self.stored(feed, record) or {"stamps": {}}
            newer = [name for name, stamp in old["stamps"].items()
                     if stamp > new["stamps"].get(name, "") and stamp[30:] in self.get("nodes")]
            lost[record] = {name: old[name] for name in newer if new["status"] == "draft"}
        with self.db:
            self.db.execute("delete from record where user = ? and feed = ?", [self.user, feed])
            for body in kept.values():
                self.store(feed, body)
            self.put(f"last_sync {self.user} {feed}", position)
        for record, fields in lost.items():
            if fields:
                self.edit(record, fields)

    # -- the store ---------------------------------------------------------------------------------------------

    @property
    def user(self):
        return self.get("user")

    def get(self, name, default=None):
        row = self.db.execute("select value from meta where name = ?", [name]).fetchone()
        return json.loads(row[0]) if row else default

    def put(self, name, value):
        self.db.execute("insert or replace into meta values (?, ?)", [name, json.dumps(value)])

    def next_stamp(self):
        """Above all given and observed so far, whatever the wall clock does. In its caller's transaction."""
        wall_ms = max(self.clock_ms() + self.get("offset_ms", 0), 0)
        self.put("clock", max(wall_ms << 16, self.get("clock", 0) + 1))
        return stamp_text(self.get("clock"), self.get("nodes")[-1])

    def enqueue(self, feed, kind, record, **members):
        with self.db:
            item = {"opId": uuid7(self.clock_ms()), "type": kind, "id": str(record), "hlc": self.next_stamp(), **members}
            self.db.execute("insert into queue (op_id, user, feed, record, item) values (?, ?, ?, ?, ?)",
                            [item["opId"], self.user, feed, str(record), json.dumps(item)])
        return str(record)

    def refuse(self, row, code, detail):
        self.notify("refused", row, code, list(row[2].get("fields", {})), detail)
        self.db.execute("delete from queue where op_id = ?", [row[0]])

    def notify(self, kind, row, code, fields, detail):
        """Kept until the user has dismissed it, with the item as it was: to show, and to offer again."""
        body = {"kind": kind, "opId": row[0], "id": row[1], "code": code, "fields": fields, "detail": detail, "item": row[2]}
        self.db.execute("insert or replace into notice values (?, ?, ?)", [row[0], self.user, json.dumps(body)])

    def stored(self, feed, record):
        row = self.db.execute("select body from record where user = ? and feed = ? and id = ?",
                              [self.user, feed, str(record)]).fetchone()
        return json.loads(row[0]) if row else None

    def store(self, feed, body):
        if body.get("deleted"):
            self.db.execute("delete from record where user = ? and feed = ? and id = ?", [self.user, feed, body["id"]])
        else:
            self.db.execute("insert or replace into record values (?, ?, ?, ?)",
                            [self.user, feed, body["id"], json.dumps(body)])

    def blank(self, record):
        return {"id": record, "status": "draft", "stamps": {}, "justificationHeads": [], **dict.fromkeys(FIELDS)}

    def overlay(self, body, item):
        """The record as it is once an edit of one's own is taken."""
        for name, value in item["fields"].items():
            if name == "justification":
                body[name] = value["text"] if isinstance(value, dict) else value
                body["justificationHeads"] = [item["hlc"]]
            elif item["hlc"] > body["stamps"].get(name, ""):
                body[name] = value
            else:
                continue
            body["stamps"][name] = item["hlc"]
        return body

    def shown(self, record):
        body = self.stored("requests", record) or self.blank(str(record))
        for item in self.queue():
            if item["id"] == str(record) and item["type"] == "upsert":
                self.overlay(body, item)
            elif item["id"] == str(record) and item["type"] == "delete":
                return None
        return body

    def shown_stamps(self, record):
        """What a submit has `seen`: the stamp of each field on the screen, the heads of the text."""
        body = self.shown(record) or self.blank(str(record))
        return {name: body["justificationHeads"] if name == "justification" else stamp
                for name, stamp in body["stamps"].items()}

    # -- the wire ----------------------------------------------------------------------------------------------

    def keep_session(self, answer):
        for name, value in (("access", answer["accessToken"]), ("refresh", answer["refreshToken"]),
                            ("user", answer["user"]["id"]), ("roles", answer["user"]["roles"])):
            self.put(name, value)

    def call(self, method, path, body=None, query=None, token=True):
        try:
            return self.http(method, path, body, query, token)
        except Problem as problem:
            if problem.code != "token_expired" or not token:
                raise
        answer = self.call("POST", "/auth/refresh", {"refreshToken": self.get("refresh")}, token=False)
        with self.db:
            self.keep_session(answer)
        return self.http(method, path, body, query, token)

    def http(self, method, path, body, query, token):
        url = f"{self.base_url}/api/v1{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        request = urllib.request.Request(url, method=method, headers={"accept": "application/json"})
        if token:
            request.add_header("authorization", f"Bearer {self.get('access')}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("content-type", "application/json")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            try:
                with opener.open(request, timeout=30) as response:
                    answer = json.load(response)
            except urllib.error.HTTPError as error:
                answer = json.load(error)
                code, after = answer["code"], error.headers.get("retry-after", "")
                if error.code == 401 and code in ("session_revoked", "unauthenticated"):
                    raise SignedOut(code) from None
                raise Problem(error.code, code, int(after) if after.isdigit() else None) from None
        except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError) as error:
            raise Offline(error) from None
        if not isinstance(answer, dict):
            raise Offline("an answer that is no object")
        return answer
