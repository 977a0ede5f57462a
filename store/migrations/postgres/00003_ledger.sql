-- +goose Up
-- What entries of intakes other than outbound messages contain besides their fields (package ledger
-- defines the values). All defaults are constants, so no row is rewritten. The table is locked only
-- for a moment, but while a statement waits for that lock, as during an export, all inserts wait
-- behind it. Therefore the wait is short, and the migration is tried again.
set local lock_timeout = '2s';
alter table notifications
  add column intake smallint not null default 0,
  add column covers smallint not null default 0,
  add column changed_at timestamptz,
  add column operation text collate "C",
  add column header json;

-- +goose Down
alter table notifications
  drop column header,
  drop column operation,
  drop column changed_at,
  drop column covers,
  drop column intake;
