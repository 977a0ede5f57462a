-- +goose Up
-- The size of the database about once an hour, for eight days: how fast it grows.
create table database_sizes (
  taken_at text not null primary key,
  bytes integer not null
) strict, without rowid;

-- +goose Down
drop table database_sizes;
