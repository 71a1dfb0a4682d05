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
    actor_id blob,
    body text not null,
    reason text not null,
    at_us integer not null
) strict;
create index dead_letter_key on dead_letter (key);
