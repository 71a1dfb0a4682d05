-- The leaves of the log. What can be filtered by is derived from the leaf itself, so that a filter cannot
-- say anything else than what is proved.
create table leaf (
    seq integer primary key check (seq >= 0),
    -- Canonical JSON (RFC 8785): the bytes that are hashed.
    body text not null,
    -- The leaf's hash, and those of the subtrees it completes, by level; 32 bytes each.
    hashes blob not null check (length(hashes) > 0 and length(hashes) % 32 = 0),
    at text not null generated always as (body ->> '$.at') virtual,
    action text not null generated always as (body ->> '$.action') virtual,
    actor_id text generated always as (body ->> '$.actorId') virtual,
    request_id text generated always as (body ->> '$.requestId') virtual
) strict;
create index leaf_at on leaf (at, seq);
create index leaf_action on leaf (action, at, seq);
create index leaf_actor on leaf (actor_id, at, seq) where actor_id is not null;
create index leaf_request on leaf (request_id, at, seq) where request_id is not null;

-- Signed statements of how many leaves there were, and their root.
create table checkpoint (
    size integer primary key check (size >= 0),
    at_us integer not null,
    note text not null
) strict;

-- Nothing is changed or taken away. `insert or replace` deletes without a trigger of deletes, so that is
-- refused where it begins.
create trigger leaf_no_update before update on leaf begin
    select raise(abort, 'the audit log is append-only: an update of leaf is refused');
end;
create trigger leaf_no_delete before delete on leaf begin
    select raise(abort, 'the audit log is append-only: a delete from leaf is refused');
end;
create trigger leaf_no_replace before insert on leaf
    when exists (select 1 from leaf where seq = new.seq) begin
    select raise(abort, 'the audit log is append-only: a replacement in leaf is refused');
end;
create trigger checkpoint_no_update before update on checkpoint begin
    select raise(abort, 'the audit log is append-only: an update of checkpoint is refused');
end;
create trigger checkpoint_no_delete before delete on checkpoint begin
    select raise(abort, 'the audit log is append-only: a delete from checkpoint is refused');
end;
create trigger checkpoint_no_replace before insert on checkpoint
    when exists (select 1 from checkpoint where size = new.size) begin
    select raise(abort, 'the audit log is append-only: a replacement in checkpoint is refused');
end;
