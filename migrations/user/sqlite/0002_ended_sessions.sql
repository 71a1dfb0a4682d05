-- Sessions that have ended while an access token of theirs may still be good. Every node reads the
-- ones after the number it knows; rows go once the last token has expired.
create table ended_session (
    session_id blob not null primary key,
    number integer not null, -- in the order of commits
    ended_us integer not null
) strict;
create index ended_session_number on ended_session (number);
create index ended_session_ended on ended_session (ended_us);
