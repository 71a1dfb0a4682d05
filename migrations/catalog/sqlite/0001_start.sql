-- Categories, reasons and approver assignments; the catalog service's own.

create table category (
    id blob not null primary key,
    name text not null,
    levels integer not null,
    active integer not null,
    version integer not null,
    created_us integer not null,
    updated_us integer not null
) strict;
create index category_newest on category (created_us, id);

create table reason (
    id blob not null primary key,
    text text not null,
    category_id blob references category (id),
    active integer not null,
    version integer not null,
    created_us integer not null,
    updated_us integer not null
) strict;
create index reason_newest on reason (created_us, id);

create table assignment (
    id blob not null primary key,
    category_id blob not null references category (id),
    level integer not null,
    approver_ids text not null,
    quorum integer not null,
    version integer not null,
    created_us integer not null,
    updated_us integer not null,
    constraint assignment_place unique (category_id, level)
) strict;
create index assignment_newest on assignment (created_us, id);

-- What this service knows of people: a projection of the user service's events.
create table person (
    id blob not null primary key,
    active integer not null,
    version integer not null
) strict;

-- Counts the changes of a list as a whole: its ETag.
create table collection (
    name text primary key,
    counter integer not null,
    changed_us integer not null
) strict;

-- Events leave here, written in the transaction of the change they tell of.
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

-- Events that have had their effect here.
create table inbox (
    event_id blob not null primary key,
    at_us integer not null
) strict, without rowid;

-- Events that could not be handled, and those of the same key behind them.
create table dead_letter (
    event_id blob not null primary key,
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
