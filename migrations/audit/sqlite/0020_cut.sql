-- What is filtered by is cut out of the canonical form, whose members are in a fixed order (action, actorId, at,
-- detail, eventId, key, requestId, seq, traceId): parsing the JSON again for every index cost as much as writing
-- it. Ids are bytes here, as in every other table. Nothing of a leaf changes, and nothing is written again: the
-- columns are virtual. Whoever reads the file with a shell of his own needs SQLite 3.41 for `unhex`.
drop index leaf_at;
drop index leaf_action;
drop index leaf_actor;
drop index leaf_request;
alter table leaf drop column at;
alter table leaf drop column action;
alter table leaf drop column actor_id;
alter table leaf drop column request_id;
-- As bytes: in text every cut would count its characters from the beginning.
-- Before the detail, so the first of each name is the leaf's own.
alter table leaf add column at text not null generated always as
    (cast(substr(cast(body as blob), instr(cast(body as blob), x'2c226174223a22') + 7, 27) as text)) virtual;
alter table leaf add column action text not null generated always as
    (cast(substr(cast(body as blob), 12, instr(substr(cast(body as blob), 12), x'22') - 1) as text)) virtual;
-- An id; in `null` there is nothing to decode.
alter table leaf add column actor_id blob generated always as
    (unhex(substr(cast(body as blob), instr(cast(body as blob), x'226163746f724964223a') + 11, 36), '-')) virtual;
-- Behind the detail: `"requestId":` and what follows it has 122 characters at most, and with the two members
-- before it more than that in any case.
alter table leaf add column request_id blob generated always as
    (unhex(substr(substr(cast(body as blob), -122), instr(substr(cast(body as blob), -122), x'22726571756573744964223a') + 13, 36), '-')) virtual;
create index leaf_at on leaf (at, seq);
create index leaf_action on leaf (action, at, seq);
create index leaf_actor on leaf (actor_id, at, seq) where actor_id is not null;
create index leaf_request on leaf (request_id, at, seq) where request_id is not null;
