-- Who caused an event; none: the system itself.
alter table outbox add column actor_id uuid;
alter table dead_letter add column actor_id uuid;
