-- +goose Up
-- Rate is in events a second, 0 is no limit.
alter table destinations add column rate integer not null default 0;
-- Retried counts attempts with exceptions, dead those that were given up, unmatched the notifications
-- that a filter could not be computed for.
alter table destination_state add column retried integer not null default 0;
alter table destination_state add column dead integer not null default 0;
alter table destination_state add column skipped integer not null default 0;
alter table destination_state add column unmatched integer not null default 0;

-- The attempts with exceptions: the first ones and the last ones.
create table delivery_attempts (
  destination_id integer not null references destinations on delete cascade,
  notification_id integer not null,
  n integer not null,
  at text not null,
  took_ms integer not null,
  status integer not null,
  cause text not null,
  answer text not null,
  primary key (destination_id, notification_id, n)
) strict;

-- What became of a part of the log in a time, so that it can be told when something was delivered
-- that has no row of its own. The key is the beginning, so that extending one changes no key.
create table delivery_spans (
  destination_id integer not null references destinations on delete cascade,
  from_id integer not null,
  kind integer not null,
  to_id integer not null,
  delivered integer not null,
  filtered integer not null,
  failed integer not null,
  first_at text not null,
  last_at text not null,
  primary key (destination_id, from_id)
) strict;

-- A replay is a second, bounded cursor of a destination.
create table replays (
  id integer primary key autoincrement,
  destination_id integer not null references destinations on delete cascade,
  selection text not null,
  from_id integer not null,
  to_id integer not null,
  cursor_id integer not null,
  rate integer not null,
  total integer not null,
  delivered integer not null default 0,
  filtered integer not null default 0,
  skipped integer not null default 0,
  failed integer not null default 0,
  state integer not null,
  reason text not null default '',
  created_by text not null,
  idempotency_key text unique,
  created_at text not null,
  ended_at text
) strict;
create index replays_running on replays (destination_id, id) where state = 1;

-- The newest state of each record that a destination has got, for the orders that regard it.
create table record_marks (
  destination_id integer not null references destinations on delete cascade,
  record_key text not null,
  notification_id integer not null,
  changed_at text,
  primary key (destination_id, record_key)
) strict;

-- +goose Down
drop table record_marks;
drop table replays;
drop table delivery_spans;
drop table delivery_attempts;
alter table destination_state drop column unmatched;
alter table destination_state drop column skipped;
alter table destination_state drop column dead;
alter table destination_state drop column retried;
alter table destinations drop column rate;
