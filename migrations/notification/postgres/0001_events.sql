-- Events leave here, written in the transaction of the change they tell of.
create table outbox (
    seq bigint generated always as identity primary key,
    id uuid not null,
    key uuid not null,
    type text not null,
    version bigint not null,
    time_us bigint not null,
    traceparent text,
    actor_id uuid,
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
    actor_id uuid,
    body jsonb not null,
    reason text not null,
    at_us bigint not null
);
create index dead_letter_key on dead_letter (key);
