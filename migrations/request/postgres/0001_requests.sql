-- Budget requests: drafts and what became of them. Times are microseconds since the Unix epoch.

-- One row a user: the greatest feed position given. Every write to a user's requests moves it.
create table feed_head (
    user_id uuid primary key,
    at_us bigint not null,
    clock bigint not null -- greatest hybrid logical time seen: milliseconds << 16 | counter
);

-- The record, and by (owner_id, at_us) its owner's feed.
create table request (
    id uuid primary key,
    owner_id uuid not null,
    at_us bigint not null,
    created_us bigint not null,
    title text,
    amount_minor bigint,
    currency text,
    category_id uuid,
    reason_id uuid,
    department_id uuid,
    region text,
    needed_by text, -- YYYY-MM-DD
    justification text,
    stamps bytea not null, -- one byte of which fields, then 16 bytes a field
    text_state bytea, -- the merged text's history, once it has a second edit
    tombstone bytea, -- the stamp of the delete
    status text not null,
    revision bytea, -- SHA-256 of the sealed content
    chain text, -- the approvers pinned at submit, as JSON
    submitted_us bigint,
    final_us bigint,
    last_op uuid, -- the last accepted upsert, and a digest of what it said
    last_digest bigint
);
create unique index request_feed on request (owner_id, at_us);
create index request_created on request (created_us, id);

-- Commands (submit, withdraw, delete, create) by user and operation, taken or refused for good.
create table command_log (
    user_id uuid not null,
    op_id uuid not null,
    request_id uuid not null,
    kind text not null,
    digest bigint not null,
    code text, -- null: taken
    detail text,
    at_us bigint not null,
    primary key (user_id, op_id)
);

-- What a reader of a request's story is told beside the record itself.
create table history (
    request_id uuid not null,
    op_id uuid not null,
    event text not null,
    code text not null default '',
    at_us bigint not null,
    position integer not null, -- of the item in its batch: one batch's lines share a time
    actor_id uuid not null,
    detail text not null, -- JSON
    primary key (request_id, op_id, event, code)
);

create table outbox (
    seq bigint generated always as identity primary key,
    id uuid not null,
    key uuid not null,
    type text not null,
    version bigint not null,
    time_us bigint not null,
    traceparent text,
    body jsonb not null,
    published_us bigint
);
create index outbox_unpublished on outbox (seq) where published_us is null;

create table inbox (
    event_id uuid primary key,
    at_us bigint not null
);

create table dead_letter (
    event_id uuid primary key,
    topic text not null,
    key uuid not null,
    type text not null,
    version bigint not null,
    time_us bigint not null,
    traceparent text,
    body jsonb not null,
    reason text not null,
    at_us bigint not null
);
create index dead_letter_key on dead_letter (topic, key);

-- What this service knows of the others, from their events.
create table person (
    id uuid primary key,
    name text not null,
    roles text not null, -- JSON
    active boolean not null,
    version bigint not null
);

create table category (
    id uuid primary key,
    name text not null,
    levels integer not null,
    active boolean not null,
    version bigint not null
);

create table reason (
    id uuid primary key,
    category_id uuid,
    active boolean not null,
    version bigint not null
);

create table assignment (
    category_id uuid not null,
    level integer not null,
    approver_ids text not null, -- JSON
    quorum integer not null,
    version bigint not null,
    primary key (category_id, level)
);
