-- What the approvals of a request have come to, as their events told.
alter table request add column approval_n bigint not null default 0; -- the last event taken
alter table request add column sealed_level bigint not null default 0; -- the highest level that is sealed
alter table request add column stalled boolean not null default false; -- too few people left to decide
