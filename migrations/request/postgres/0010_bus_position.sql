-- How far this service has read each partition of a broker's topics: written with the effect of the events,
-- and what counts when it starts.
create table bus_position (
    topic text not null,
    partition integer not null,
    next_offset bigint not null,
    primary key (topic, partition)
);

-- Old rows are removed in order of their time.
create index inbox_at on inbox (at_us);

-- The order in which events were parked; and when they were told to the dead-letter topic.
alter table dead_letter add column seq bigint generated always as identity;
alter table dead_letter add column published_us bigint;
