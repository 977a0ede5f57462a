-- +goose Up
-- What entries of other intakes than outbound messages say beside their fields (package ledger has the values). All
-- defaults are constants: no row is rewritten. The table is locked for a moment only, but whoever waits for that lock
-- makes all inserts wait behind it, as during an export: so the wait is short, and the migration is tried again.
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
