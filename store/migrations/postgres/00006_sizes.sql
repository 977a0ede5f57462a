-- +goose Up
-- The size of the database about once an hour, for eight days: how fast it grows.
create table database_sizes (
  taken_at timestamptz primary key,
  bytes bigint not null
);

-- +goose Down
drop table database_sizes;
