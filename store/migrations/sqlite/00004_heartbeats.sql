-- +goose Up
-- One row per process that was asked lately whether it can store messages: to answer that, it writes
-- its row. ballast is as large as a save that failed: a small row may fit where that does not.
create table heartbeats (
  process text not null primary key,
  written_at text not null,
  ballast blob not null
) strict, without rowid;

-- +goose Down
drop table heartbeats;
