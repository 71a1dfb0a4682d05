-- What this service knows of people, requests and levels, from the events of others.
create table person (
    id blob not null primary key,
    email text not null,
    name text not null,
    locale text,
    active integer not null,
    approves integer not null,
    version integer not null
) strict;

create table request (
    id blob not null primary key,
    owner_id blob not null,
    title text not null,
    amount_minor integer not null,
    currency text not null,
    levels integer not null,
    withdrawn integer not null default 0,
    final_outcome text                                   -- approved, rejected; null: not final
) strict;

create table level (
    approval_id blob not null primary key,
    request_id blob not null,
    state text not null                                  -- who may vote, who has, what came of it
) strict;

-- How a person wants to be told; without a row, as the program's defaults say.
create table preference (
    person_id blob not null primary key,
    body text not null,
    updated_us integer not null
) strict;

-- A phone's address at the push service belongs to a person, a device and a session.
create table push_token (
    token text not null primary key,
    person_id blob not null,
    device_id text not null,
    session_id blob not null,
    platform text not null,
    updated_us integer not null
) strict;
create unique index push_token_device on push_token (person_id, device_id);
create index push_token_session on push_token (session_id);

-- Sessions that ended lately: a token that arrives behind the end of its session is not taken.
create table ended_session (
    session_id blob not null primary key,
    ended_us integer not null
) strict;

create table notification (
    id blob not null primary key,                        -- UUIDv5 of event, recipient and channel, or of sender and key
    event_id blob,                                       -- what is told; null: another program asked
    about_id blob,                                       -- the approval, or the request
    request_id blob,
    recipient_id blob,                                   -- null: an address was given
    address text,
    channel text not null,                               -- push, email, sms
    template text not null,
    data text not null,
    follows blob,                                        -- the notification that this one takes back
    status text not null,                                -- queued, sent, delivered, bounced, undelivered, cancelled, failed
    reason text,                                         -- why it is what it is, in a word
    attempts integer not null,
    due_us integer not null,
    lease_us integer,                                     -- a node is sending it until then
    may_have_left integer not null default 0,            -- a node died while it sent it
    provider_id text,
    taken_by text not null,                             -- devices that have it already
    traceparent text,
    digest blob,                                        -- of what another program asked for
    version integer not null,
    created_us integer not null,
    updated_us integer not null
) strict;
create unique index notification_once on notification (event_id, recipient_id, channel);
create index notification_due on notification (channel, due_us) where status = 'queued';
create index notification_about on notification (about_id);
create index notification_dead on notification (updated_us, id) where status in ('failed', 'bounced', 'undelivered');

create table attempt (
    notification_id blob not null references notification (id),
    number integer not null,                              -- the notification's version that it made
    at_us integer not null,
    outcome text not null,
    detail text,
    primary key (notification_id, number)
) strict;

-- What a channel without settings would have sent.
create table logged_message (
    notification_id blob not null primary key,
    at_us integer not null,
    channel text not null,
    address text not null,
    subject text,
    body text not null
) strict;
create index logged_message_newest on logged_message (at_us);
