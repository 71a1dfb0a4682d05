-- How far this service has read each partition of a broker's topics: written with the effect of the events,
-- and what counts when it starts.
create table bus_position (
    topic text not null,
    partition integer not null,
    next_offset integer not null,
    primary key (topic, partition)
) strict, without rowid;

-- Old rows are removed in order of their time.
create index inbox_at on inbox (at_us);

-- When they were told to the dead-letter topic. The order in which they were parked is that of the rowid.
alter table dead_letter add column published_us integer;
