-- +goose Up
-- One row per process that was asked lately whether it can store messages: to answer that, it writes
-- its row. ballast is as large as a save that failed: a small row may fit where that does not.
create table heartbeats (
  process text collate "C" primary key,
  written_at timestamptz not null,
  ballast bytea not null
);
-- not compressed, or it would be small
alter table heartbeats alter column ballast set storage external;

-- +goose Down
drop table heartbeats;
