-- Categories, reasons and approver assignments; the catalog service's own.

create table category (
    id uuid primary key,
    name text not null,
    levels integer not null,
    active boolean not null,
    version bigint not null,
    created_us bigint not null,
    updated_us bigint not null
);
create index category_newest on category (created_us, id);

create table reason (
    id uuid primary key,
    text text not null,
    category_id uuid references category (id),
    active boolean not null,
    version bigint not null,
    created_us bigint not null,
    updated_us bigint not null
);
create index reason_newest on reason (created_us, id);

create table assignment (
    id uuid primary key,
    category_id uuid not null references category (id),
    level integer not null,
    approver_ids jsonb not null,
    quorum integer not null,
    version bigint not null,
    created_us bigint not null,
    updated_us bigint not null,
    constraint assignment_place unique (category_id, level)
);
create index assignment_newest on assignment (created_us, id);

-- What this service knows of people: a projection of the user service's events.
create table person (
    id uuid primary key,
    active boolean not null,
    version bigint not null
);

-- Counts the changes of a list as a whole: its ETag.
create table collection (
    name text primary key,
    counter bigint not null,
    changed_us bigint not null
);

-- Events leave here, written in the transaction of the change they tell of.
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

-- Events that have had their effect here.
create table inbox (
    event_id uuid primary key,
    at_us bigint not null
);

-- Events that could not be handled, and those of the same key behind them.
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
