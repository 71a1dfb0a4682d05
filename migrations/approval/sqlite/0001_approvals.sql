-- Approvals: what approvers said about submitted requests. Times are microseconds since the Unix epoch.

-- One row a reader: the greatest feed position given, and the greatest hybrid logical time seen
-- (milliseconds << 16 | counter). Every write to a reader's feed holds it.
create table feed_head (
    user_id blob primary key,
    at_us integer not null,
    clock integer not null
) strict, without rowid;

-- The approval of one request. Its state is the fold of its log: a cache, which `athena rebuild` compares.
create table approval_case (
    request_id blob primary key,
    owner_id blob not null,
    state text not null, -- JSON
    content text not null, -- the sealed fields, as JSON
    submitted_us integer not null,
    seals_us integer -- when the first of its levels seals by age
) strict;
create index approval_case_due on approval_case (seals_us) where seals_us is not null;

-- What was accepted, in order. Rows are only ever added.
create table case_log (
    request_id blob not null,
    n integer not null,
    at_us integer not null,
    kind text not null,
    fact text not null, -- JSON
    primary key (request_id, n)
) strict, without rowid;

-- The levels of a case by the ids that phones compute.
create table approval (
    id blob primary key,
    request_id blob not null,
    level integer not null
) strict, without rowid;

-- Who is in the chain of a case that is not over yet.
create table seat (
    person_id blob not null,
    request_id blob not null,
    primary key (person_id, request_id)
) strict, without rowid;

-- Operations by user, taken or refused for good.
create table command_log (
    user_id blob not null,
    op_id blob not null,
    approval_id blob not null,
    kind text not null,
    digest integer not null,
    code text, -- null: taken
    detail text,
    at_us integer not null,
    primary key (user_id, op_id)
) strict, without rowid;

-- One entry a reader and approval; it moves to the end whenever the approval changes for the reader.
create table feed (
    user_id blob not null,
    approval_id blob not null,
    request_id blob not null,
    level integer not null,
    at_us integer not null,
    removed integer not null,
    waits integer not null, -- for this reader's vote
    opened_us integer not null,
    acted_us integer, -- when this reader last voted
    primary key (user_id, approval_id)
) strict, without rowid;
create unique index feed_order on feed (user_id, at_us);
create index feed_waiting on feed (user_id, opened_us, approval_id) where waits;
create index feed_acted on feed (user_id, acted_us, approval_id) where acted_us is not null;

create table outbox (
    seq integer primary key autoincrement,
    id blob not null,
    key blob not null,
    type text not null,
    version integer not null,
    time_us integer not null,
    traceparent text,
    body text not null,
    published_us integer
) strict;
create index outbox_unpublished on outbox (seq) where published_us is null;

create table inbox (
    event_id blob primary key,
    at_us integer not null
) strict, without rowid;

create table dead_letter (
    event_id blob primary key,
    topic text not null,
    key blob not null,
    type text not null,
    version integer not null,
    time_us integer not null,
    traceparent text,
    body text not null,
    reason text not null,
    at_us integer not null
) strict;
create index dead_letter_key on dead_letter (key);

-- What this service knows of people, from their events.
create table person (
    id blob primary key,
    name text not null,
    approves integer not null, -- active, with the role
    version integer not null
) strict, without rowid;
