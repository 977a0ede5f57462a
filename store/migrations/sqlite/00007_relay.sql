-- +goose Up
-- Destinations read the notifications as a log, each with a cursor. Only exceptions have rows: what
-- failed, and what waits behind it. Nothing references notifications, so that an insert costs the
-- same, whatever the number of destinations. Package store defines the numbers of states.
create table destinations (
  id integer primary key autoincrement,
  name text not null unique,
  kind text not null,
  settings text not null,
  secret blob,
  ordering integer not null,
  state integer not null,
  reason text not null default '',
  generation integer not null default 1,
  start_id integer not null,
  give_up_seconds integer not null,
  created_at text not null
) strict;

-- What a destination wanted from an id on.
create table destination_filters (
  destination_id integer not null references destinations on delete cascade,
  from_id integer not null,
  expression text not null,
  sources text not null,
  objects text not null,
  primary key (destination_id, from_id)
) strict;

-- Written with each batch: apart from what is not, with no index but the key,
-- so that an update writes little.
create table destination_state (
  destination_id integer primary key references destinations on delete cascade,
  cursor_id integer not null,
  epoch integer not null default 0,
  lease_owner text not null default '',
  lease_until text,
  breaker_failures integer not null default 0,
  breaker_until text,
  last_error text not null default '',
  last_success_at text,
  delivered integer not null default 0,
  filtered integer not null default 0,
  failed integer not null default 0
) strict;

create table deliveries (
  destination_id integer not null references destinations on delete cascade,
  notification_id integer not null,
  record_key text not null,
  state integer not null,
  attempts integer not null,
  since text not null,
  next_attempt_at text,
  last_status integer not null default 0,
  last_error text not null default '',
  settled_at text,
  primary key (destination_id, notification_id)
) strict;
create index deliveries_due on deliveries (destination_id, next_attempt_at, notification_id) where state = 1;
create index deliveries_record on deliveries (destination_id, record_key, notification_id) where state in (1, 2);
create index deliveries_open on deliveries (notification_id) where state in (1, 2);
create index deliveries_list on deliveries (destination_id, state, notification_id);

-- +goose Down
drop table deliveries;
drop table destination_state;
drop table destination_filters;
drop table destinations;
