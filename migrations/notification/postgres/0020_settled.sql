-- When nothing more could become of a request: what was told of it is kept for a while longer, and then goes.
alter table request add column settled_us bigint;
update request set settled_us = 0 where withdrawn;

-- Old rows are removed in order of their time.
create index notification_over on notification (updated_us) where status in ('sent', 'delivered', 'cancelled');
create index notification_follows on notification (follows) where follows is not null;
