-- +goose Up
-- What keeps the samples of one cause within their bound.
create index refusals_by_cause on refusals (source_id, cause, id);

-- How often one process refused something, or took it though a door in report mode found it wrong (status 200), on a
-- day in UTC. Each process writes its own totals, so writing one again counts nothing twice. Source is a name: the
-- count stays when the source is removed; '' is for requests that reach none.
create table refusal_counts (
  day text not null,
  source text not null,
  cause text not null,
  status integer not null,
  process text not null,
  refusals integer not null,
  primary key (day, source, cause, status, process)
) strict, without rowid;

-- The client certificates that were shown with messages for a source. Chain is in PEM, the client's own first; problem
-- is '' for one that is accepted.
create table client_certificates (
  source_id integer not null references sources on delete cascade,
  sha256 blob not null,
  not_before text not null,
  not_after text not null,
  first_seen text not null,
  last_seen text not null,
  subject text not null,
  issuer text not null,
  problem text not null,
  chain text not null,
  primary key (source_id, sha256)
) strict, without rowid;

-- The last good copy of each published list of address ranges.
create table address_lists (
  origin text primary key,
  fetched_at text not null,
  content text not null
) strict, without rowid;

-- +goose Down
drop table address_lists;
drop table client_certificates;
drop table refusal_counts;
drop index refusals_by_cause;
