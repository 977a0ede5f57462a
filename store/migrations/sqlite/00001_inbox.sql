-- +goose Up
-- autoincrement: an id is never used again, not even that of the last row when it is pruned.
create table sources (
  id integer primary key autoincrement,
  name text not null unique,
  created_at text not null,
  disabled_at text
) strict;

-- The organizations a source is for; a source without any accepts all. An organization is the part of its id that
-- tells it apart, mostly 15 characters; the suffix is what was left of the id as given.
create table source_organizations (
  source_id integer not null references sources on delete cascade,
  organization text not null,
  organization_suffix text not null,
  primary key (source_id, organization)
) strict, without rowid;

create table source_tokens (
  sha256 blob not null primary key,
  source_id integer not null references sources on delete cascade,
  created_at text not null,
  expires_at text
) strict, without rowid;

create table notifications (
  id integer primary key autoincrement,
  received_at text not null,
  source_id integer not null references sources,
  digest blob not null,
  organization text not null,
  organization_suffix text not null,
  notification_id text not null,
  action_id text not null,
  object_type text,
  record_id text,
  fields text,
  constraint notifications_content unique (source_id, organization, notification_id, digest)
) strict;

create table refusals (
  id integer primary key autoincrement,
  refused_at text not null,
  source_id integer references sources on delete set null,
  status integer not null,
  line integer not null,
  col integer not null,
  size integer not null,
  cause text not null,
  detail text not null,
  request_id text not null,
  remote_addr text not null
) strict;

-- +goose Down
drop table refusals;
drop table notifications;
drop table source_tokens;
drop table source_organizations;
drop table sources;
