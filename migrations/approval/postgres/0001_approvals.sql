-- Approvals: what approvers said about submitted requests. Times are microseconds since the Unix epoch.

-- One row a reader: the greatest feed position given, and the greatest hybrid logical time seen
-- (milliseconds << 16 | counter). Every write to a reader's feed holds it.
create table feed_head (
    user_id uuid primary key,
    at_us bigint not null,
    clock bigint not null
);

-- The approval of one request. Its state is the fold of its log: a cache, which `athena rebuild` compares.
create table approval_case (
    request_id uuid primary key,
    owner_id uuid not null,
    state text not null, -- JSON
    content text not null, -- the sealed fields, as JSON
    submitted_us bigint not null,
    seals_us bigint -- when the first of its levels seals by age
);
create index approval_case_due on approval_case (seals_us) where seals_us is not null;

-- What was accepted, in order. Rows are only ever added.
create table case_log (
    request_id uuid not null,
    n bigint not null,
    at_us bigint not null,
    kind text not null,
    fact text not null, -- JSON
    primary key (request_id, n)
);

-- The levels of a case by the ids that phones compute.
create table approval (
    id uuid primary key,
    request_id uuid not null,
    level integer not null
);

-- Who is in the chain of a case that is not over yet.
create table seat (
    person_id uuid not null,
    request_id uuid not null,
    primary key (person_id, request_id)
);

-- Operations by user, taken or refused for good.
create table command_log (
    user_id uuid not null,
    op_id uuid not null,
    approval_id uuid not null,
    kind text not null,
    digest bigint not null,
    code text, -- null: taken
    detail text,
    at_us bigint not null,
    primary key (user_id, op_id)
);

-- One entry a reader and approval; it moves to the end whenever the approval changes for the reader.
create table feed (
    user_id uuid not null,
    approval_id uuid not null,
    request_id uuid not null,
    level integer not null,
    at_us bigint not null,
    removed boolean not null,
    waits boolean not null, -- for this reader's vote
    opened_us bigint not null,
    acted_us bigint, -- when this reader last voted
    primary key (user_id, approval_id)
);
create unique index feed_order on feed (user_id, at_us);
create index feed_waiting on feed (user_id, opened_us, approval_id) where waits;
create index feed_acted on feed (user_id, acted_us, approval_id) where acted_us is not null;

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
create index dead_letter_key on dead_letter (key);

-- What this service knows of people, from their events.
create table person (
    id uuid primary key,
    name text not null,
    approves boolean not null, -- active, with the role
    version bigint not null
);
