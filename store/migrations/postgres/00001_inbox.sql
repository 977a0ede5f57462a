-- +goose Up
-- Every text that is an id, or is compared as one, is collated "C": it is cheaper, and sorts as on SQLite.
create table sources (
  id integer generated always as identity primary key,
  name text collate "C" not null unique,
  created_at timestamptz not null,
  disabled_at timestamptz
);

-- The organizations a source is for; a source without any accepts all. An organization is the part of its id that
-- tells it apart, mostly 15 characters; the suffix is what was left of the id as given.
create table source_organizations (
  source_id integer not null references sources on delete cascade,
  organization text collate "C" not null,
  organization_suffix text collate "C" not null,
  primary key (source_id, organization)
);

create table source_tokens (
  sha256 bytea primary key,
  source_id integer not null references sources on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz
);

-- The columns of fixed length come first: no bytes are lost to alignment. fields is json, not jsonb: digits and order
-- stay as they were sent, and it is cheaper to insert.
create table notifications (
  id bigint generated always as identity primary key,
  received_at timestamptz not null,
  source_id integer not null references sources,
  digest bytea not null,
  organization text collate "C" not null,
  organization_suffix text collate "C" not null,
  notification_id text collate "C" not null,
  action_id text collate "C" not null,
  object_type text collate "C",
  record_id text collate "C",
  fields json,
  constraint notifications_content unique (source_id, organization, notification_id, digest)
);

create table refusals (
  id bigint generated always as identity primary key,
  refused_at timestamptz not null,
  source_id integer references sources on delete set null,
  status integer not null,
  line integer not null,
  col integer not null,
  size bigint not null,
  cause text collate "C" not null,
  detail text not null,
  request_id text collate "C" not null,
  remote_addr text collate "C" not null
);

-- +goose Down
drop table refusals;
drop table notifications;
drop table source_tokens;
drop table source_organizations;
drop table sources;
