-- Who may approve. Null: heard of before this was kept; the person's next event fills it.
alter table person add column roles jsonb;
