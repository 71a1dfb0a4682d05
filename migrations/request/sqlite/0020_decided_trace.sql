-- The trace of the vote that decided last: a seal by age has none of its own, and the end of a request is to
-- lead back to who decided it.
alter table request add column decided_trace text;
