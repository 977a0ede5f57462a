-- +goose Up
-- Rate is in events a second, 0 is no limit.
alter table destinations add column rate integer not null default 0;
-- Retried counts attempts with exceptions, dead those that were given up, unmatched the notifications
-- that a filter could not be computed for.
alter table destination_state
  add column retried bigint not null default 0,
  add column dead bigint not null default 0,
  add column skipped bigint not null default 0,
  add column unmatched bigint not null default 0;

-- The attempts with exceptions: the first ones and the last ones.
create table delivery_attempts (
  destination_id integer not null references destinations on delete cascade,
  notification_id bigint not null,
  n integer not null,
  at timestamptz not null,
  took_ms integer not null,
  status integer not null,
  cause text not null,
  answer text not null,
  primary key (destination_id, notification_id, n)
);

-- What became of a part of the log in a time, so that it can be told when something was delivered
-- that has no row of its own. The key is the beginning, so that extending one is an update in the
-- page (HOT).
create table delivery_spans (
  destination_id integer not null references destinations on delete cascade,
  from_id bigint not null,
  kind smallint not null,
  to_id bigint not null,
  delivered bigint not null,
  filtered bigint not null,
  failed bigint not null,
  first_at timestamptz not null,
  last_at timestamptz not null,
  primary key (destination_id, from_id)
) with (fillfactor = 50);

-- A replay is a second, bounded cursor of a destination.
create table replays (
  id integer generated always as identity primary key,
  destination_id integer not null references destinations on delete cascade,
  selection json not null,
  from_id bigint not null,
  to_id bigint not null,
  cursor_id bigint not null,
  rate integer not null,
  total bigint not null,
  delivered bigint not null default 0,
  filtered bigint not null default 0,
  skipped bigint not null default 0,
  failed bigint not null default 0,
  state smallint not null,
  reason text not null default '',
  created_by text not null,
  idempotency_key text collate "C" unique,
  created_at timestamptz not null,
  ended_at timestamptz
);
create index replays_running on replays (destination_id, id) where state = 1;

-- The newest state of each record that a destination has got, for the orders that regard it.
create table record_marks (
  destination_id integer not null references destinations on delete cascade,
  record_key text collate "C" not null,
  notification_id bigint not null,
  changed_at timestamptz,
  primary key (destination_id, record_key)
) with (fillfactor = 70);

-- +goose Down
drop table record_marks;
drop table replays;
drop table delivery_spans;
drop table delivery_attempts;
alter table destination_state drop column unmatched, drop column skipped, drop column dead, drop column retried;
alter table destinations drop column rate;
