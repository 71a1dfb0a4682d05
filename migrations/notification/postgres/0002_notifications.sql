-- What this service knows of people, requests and levels, from the events of others.
create table person (
    id uuid primary key,
    email text not null,
    name text not null,
    locale text,
    active boolean not null,
    approves boolean not null,
    version bigint not null
);

create table request (
    id uuid primary key,
    owner_id uuid not null,
    title text not null,
    amount_minor bigint not null,
    currency text not null,
    levels integer not null,
    withdrawn boolean not null default false,
    final_outcome text                                   -- approved, rejected; null: not final
);

create table level (
    approval_id uuid primary key,
    request_id uuid not null,
    state jsonb not null                                  -- who may vote, who has, what came of it
);

-- How a person wants to be told; without a row, as the program's defaults say.
create table preference (
    person_id uuid primary key,
    body jsonb not null,
    updated_us bigint not null
);

-- A phone's address at the push service belongs to a person, a device and a session.
create table push_token (
    token text primary key,
    person_id uuid not null,
    device_id text not null,
    session_id uuid not null,
    platform text not null,
    updated_us bigint not null
);
create unique index push_token_device on push_token (person_id, device_id);
create index push_token_session on push_token (session_id);

-- Sessions that ended lately: a token that arrives behind the end of its session is not taken.
create table ended_session (
    session_id uuid primary key,
    ended_us bigint not null
);

create table notification (
    id uuid primary key,                                 -- UUIDv5 of event, recipient and channel, or of sender and key
    event_id uuid,                                       -- what is told; null: another program asked
    about_id uuid,                                       -- the approval, or the request
    request_id uuid,
    recipient_id uuid,                                   -- null: an address was given
    address text,
    channel text not null,                               -- push, email, sms
    template text not null,
    data jsonb not null,
    follows uuid,                                        -- the notification that this one takes back
    status text not null,                                -- queued, sent, delivered, bounced, undelivered, cancelled, failed
    reason text,                                         -- why it is what it is, in a word
    attempts integer not null,
    due_us bigint not null,
    lease_us bigint,                                     -- a node is sending it until then
    may_have_left boolean not null default false,        -- a node died while it sent it
    provider_id text,
    taken_by jsonb not null,                             -- devices that have it already
    traceparent text,
    digest bytea,                                        -- of what another program asked for
    version bigint not null,
    created_us bigint not null,
    updated_us bigint not null
);
create unique index notification_once on notification (event_id, recipient_id, channel);
create index notification_due on notification (channel, due_us) where status = 'queued';
create index notification_about on notification (about_id);
create index notification_dead on notification (updated_us, id) where status in ('failed', 'bounced', 'undelivered');

create table attempt (
    notification_id uuid not null references notification (id),
    number bigint not null,                              -- the notification's version that it made
    at_us bigint not null,
    outcome text not null,
    detail text,
    primary key (notification_id, number)
);

-- What a channel without settings would have sent.
create table logged_message (
    notification_id uuid primary key,
    at_us bigint not null,
    channel text not null,
    address text not null,
    subject text,
    body text not null
);
create index logged_message_newest on logged_message (at_us);
