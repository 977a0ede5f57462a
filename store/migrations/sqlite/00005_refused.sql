-- +goose Up
-- Who was refused, as far as the message was read, and whether it was accepted and only reported
-- (an access check in report mode), which the status 200 told before. All defaults are constants,
-- so no row is rewritten but those that were reported.
alter table refusals add column organization_id text not null default '';
alter table refusals add column action_id text not null default '';
alter table refusals add column object_type text not null default '';
alter table refusals add column notifications integer not null default 0;
alter table refusals add column reported integer not null default false;
update refusals set reported = true where status = 200;
alter table refusal_counts add column reported integer not null default false;
update refusal_counts set reported = true where status = 200;

-- +goose Down
alter table refusal_counts drop column reported;
alter table refusals drop column reported;
alter table refusals drop column notifications;
alter table refusals drop column object_type;
alter table refusals drop column action_id;
alter table refusals drop column organization_id;
