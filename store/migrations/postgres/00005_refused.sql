-- +goose Up
-- Who was refused, as far as the message was read, and whether it was accepted and only reported
-- (an access check in report mode), which the status 200 told before. All defaults are constants,
-- so no row is rewritten but those that were reported. As before, the wait for the tables is short,
-- because others wait behind it, and the migration is tried again.
set local lock_timeout = '2s';
alter table refusals
  add column organization_id text collate "C" not null default '',
  add column action_id text collate "C" not null default '',
  add column object_type text collate "C" not null default '',
  add column notifications integer not null default 0,
  add column reported boolean not null default false;
update refusals set reported = true where status = 200;
alter table refusal_counts add column reported boolean not null default false;
update refusal_counts set reported = true where status = 200;

-- +goose Down
alter table refusal_counts drop column reported;
alter table refusals
  drop column reported,
  drop column notifications,
  drop column object_type,
  drop column action_id,
  drop column organization_id;
