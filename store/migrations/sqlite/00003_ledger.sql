-- +goose Up
-- What entries of intakes other than outbound messages contain besides their fields (package ledger
-- defines the values). All defaults are constants, so no row is rewritten.
alter table notifications add column intake integer not null default 0;
alter table notifications add column covers integer not null default 0;
alter table notifications add column changed_at text;
alter table notifications add column operation text;
alter table notifications add column header text;

-- +goose Down
alter table notifications drop column header;
alter table notifications drop column operation;
alter table notifications drop column changed_at;
alter table notifications drop column covers;
alter table notifications drop column intake;
