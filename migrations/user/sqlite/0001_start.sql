-- Accounts, departments and sessions; the user service's own.

create table department (
    id blob not null primary key,
    name text not null,
    version integer not null,
    created_us integer not null,
    updated_us integer not null
) strict;
create index department_newest on department (created_us, id);

create table account (
    id blob not null primary key,
    email text not null constraint account_email unique, -- lower case
    name text not null,
    roles text not null,                                -- an array of names
    department_id blob references department (id),
    region text,
    locale text,
    active integer not null,
    password_hash text,                                  -- Argon2id; null: none set yet
    one_time_hash blob,                                 -- SHA-256 of a token that logs in once
    one_time_until_us integer,
    version integer not null,
    created_us integer not null,
    updated_us integer not null
) strict;
create index account_newest on account (created_us, id);

-- One login of one device: a family of refresh tokens, of which only hashes are kept.
create table session (
    id blob not null primary key,
    user_id blob not null references account (id),
    device_id text,
    current_hash blob not null,
    previous_hash blob,                                 -- still good until the current one is used
    created_us integer not null,
    used_us integer not null
) strict;
create index session_of_user on session (user_id);

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
