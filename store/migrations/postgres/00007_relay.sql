-- +goose Up
-- Destinations read the notifications as a log, each with a cursor. Only exceptions have rows: what
-- failed, and what waits behind it. Nothing references notifications, so that an insert costs the
-- same, whatever the number of destinations. Package store defines the numbers of states.
create table destinations (
  id integer generated always as identity primary key,
  name text collate "C" not null unique,
  kind text collate "C" not null,
  settings json not null,
  secret bytea,
  ordering smallint not null,
  state smallint not null,
  reason text not null default '',
  generation bigint not null default 1,
  start_id bigint not null,
  give_up_seconds bigint not null,
  created_at timestamptz not null
);

-- What a destination wanted from an id on.
create table destination_filters (
  destination_id integer not null references destinations on delete cascade,
  from_id bigint not null,
  expression text not null,
  sources json not null,
  objects json not null,
  primary key (destination_id, from_id)
);

-- Written with each batch: apart from what is not, with no index but the key and room in its pages,
-- so that updates stay in the page (HOT).
create table destination_state (
  destination_id integer primary key references destinations on delete cascade,
  cursor_id bigint not null,
  epoch bigint not null default 0,
  lease_owner text collate "C" not null default '',
  lease_until timestamptz,
  breaker_failures integer not null default 0,
  breaker_until timestamptz,
  last_error text not null default '',
  last_success_at timestamptz,
  delivered bigint not null default 0,
  filtered bigint not null default 0,
  failed bigint not null default 0
) with (fillfactor = 50);

create table deliveries (
  destination_id integer not null references destinations on delete cascade,
  notification_id bigint not null,
  record_key text collate "C" not null,
  state smallint not null,
  attempts integer not null,
  since timestamptz not null,
  next_attempt_at timestamptz,
  last_status integer not null default 0,
  last_error text not null default '',
  settled_at timestamptz,
  primary key (destination_id, notification_id)
);
create index deliveries_due on deliveries (destination_id, next_attempt_at, notification_id) where state = 1;
create index deliveries_record on deliveries (destination_id, record_key, notification_id) where state in (1, 2);
create index deliveries_open on deliveries (notification_id) where state in (1, 2);
create index deliveries_list on deliveries (destination_id, state, notification_id);

-- +goose Down
drop table deliveries;
drop table destination_state;
drop table destination_filters;
drop table destinations;
