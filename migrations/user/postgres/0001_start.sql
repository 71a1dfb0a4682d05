-- Accounts, departments and sessions; the user service's own.

create table department (
    id uuid primary key,
    name text not null,
    version bigint not null,
    created_us bigint not null,
    updated_us bigint not null
);
create index department_newest on department (created_us, id);

create table account (
    id uuid primary key,
    email text not null constraint account_email unique, -- lower case
    name text not null,
    roles jsonb not null,                                -- an array of names
    department_id uuid references department (id),
    region text,
    locale text,
    active boolean not null,
    password_hash text,                                  -- Argon2id; null: none set yet
    one_time_hash bytea,                                 -- SHA-256 of a token that logs in once
    one_time_until_us bigint,
    version bigint not null,
    created_us bigint not null,
    updated_us bigint not null
);
create index account_newest on account (created_us, id);

-- One login of one device: a family of refresh tokens, of which only hashes are kept.
create table session (
    id uuid primary key,
    user_id uuid not null references account (id),
    device_id text,
    current_hash bytea not null,
    previous_hash bytea,                                 -- still good until the current one is used
    created_us bigint not null,
    used_us bigint not null
);
create index session_of_user on session (user_id);

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
