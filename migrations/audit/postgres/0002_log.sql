-- The leaves of the log. What can be filtered by is derived from the leaf itself, so that a filter cannot
-- say anything else than what is proved.
create table leaf (
    seq bigint primary key check (seq >= 0),
    -- Canonical JSON (RFC 8785): the bytes that are hashed.
    body text not null,
    -- The leaf's hash, and those of the subtrees it completes, by level; 32 bytes each.
    hashes bytea not null check (octet_length(hashes) > 0 and octet_length(hashes) % 32 = 0),
    -- Cut out of the canonical form, whose members are in a fixed order (action, actorId, at, …, requestId, seq,
    -- traceId): parsing the JSON for each of the four took half of an append.
    at text collate "C" not null generated always as (substr(split_part(body, '"at":"', 2), 1, 27)) stored,
    action text collate "C" not null generated always as (split_part(body, '"', 4)) stored,
    actor_id uuid generated always as (case when split_part(body, '"actorId":', 2) like '"%'
        then substr(split_part(body, '"actorId":', 2), 2, 36)::uuid end) stored,
    request_id uuid generated always as (case when split_part(right(body, 160), '"requestId":', -1) like '"%'
        then substr(split_part(right(body, 160), '"requestId":', -1), 2, 36)::uuid end) stored
);
create index leaf_at on leaf (at, seq);
create index leaf_action on leaf (action, at, seq);
create index leaf_actor on leaf (actor_id, at, seq) where actor_id is not null;
create index leaf_request on leaf (request_id, at, seq) where request_id is not null;

-- Signed statements of how many leaves there were, and their root.
create table checkpoint (
    size bigint primary key check (size >= 0),
    at_us bigint not null,
    note text not null
);

-- Nothing is changed or taken away: not by this program, and not by whoever holds its password. `always`: also
-- in a session that has switched triggers off for replication.
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is append-only: % on % is refused', tg_op, tg_table_name
        using errcode = 'insufficient_privilege';
end
$$;
create trigger leaf_append_only before update or delete or truncate on leaf
    for each statement execute function refuse_change();
create trigger checkpoint_append_only before update or delete or truncate on checkpoint
    for each statement execute function refuse_change();
alter table leaf enable always trigger leaf_append_only;
alter table checkpoint enable always trigger checkpoint_append_only;

-- The owner's own privileges too.
revoke update, delete, truncate on leaf, checkpoint from public, current_user;
