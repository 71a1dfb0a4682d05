-- Budget requests: drafts and what became of them. Times are microseconds since the Unix epoch.

-- One row a user: the greatest feed position given. Every write to a user's requests moves it.
create table feed_head (
    user_id blob primary key,
    at_us integer not null,
    clock integer not null -- greatest hybrid logical time seen: milliseconds << 16 | counter
) strict, without rowid;

-- The record, and by (owner_id, at_us) its owner's feed.
create table request (
    id blob primary key,
    owner_id blob not null,
    at_us integer not null,
    created_us integer not null,
    title text,
    amount_minor integer,
    currency text,
    category_id blob,
    reason_id blob,
    department_id blob,
    region text,
    needed_by text, -- YYYY-MM-DD
    justification text,
    stamps blob not null, -- one byte of which fields, then 16 bytes a field
    text_state blob, -- the merged text's history, once it has a second edit
    tombstone blob, -- the stamp of the delete
    status text not null,
    revision blob, -- SHA-256 of the sealed content
    chain text, -- the approvers pinned at submit, as JSON
    submitted_us integer,
    final_us integer,
    last_op blob, -- the last accepted upsert, and a digest of what it said
    last_digest integer
) strict;
create unique index request_feed on request (owner_id, at_us);
create index request_created on request (created_us, id);

-- Commands (submit, withdraw, delete, create) by user and operation, taken or refused for good.
create table command_log (
    user_id blob not null,
    op_id blob not null,
    request_id blob not null,
    kind text not null,
    digest integer not null,
    code text, -- null: taken
    detail text,
    at_us integer not null,
    primary key (user_id, op_id)
) strict, without rowid;

-- What a reader of a request's story is told beside the record itself.
create table history (
    request_id blob not null,
    op_id blob not null,
    event text not null,
    code text not null default '',
    at_us integer not null,
    position integer not null, -- of the item in its batch: one batch's lines share a time
    actor_id blob not null,
    detail text not null, -- JSON
    primary key (request_id, op_id, event, code)
) strict, without rowid;

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
create index dead_letter_key on dead_letter (topic, key);

-- What this service knows of the others, from their events.
create table person (
    id blob primary key,
    name text not null,
    roles text not null, -- JSON
    active integer not null,
    version integer not null
) strict, without rowid;

create table category (
    id blob primary key,
    name text not null,
    levels integer not null,
    active integer not null,
    version integer not null
) strict, without rowid;

create table reason (
    id blob primary key,
    category_id blob,
    active integer not null,
    version integer not null
) strict, without rowid;

create table assignment (
    category_id blob not null,
    level integer not null,
    approver_ids text not null, -- JSON
    quorum integer not null,
    version integer not null,
    primary key (category_id, level)
) strict;
