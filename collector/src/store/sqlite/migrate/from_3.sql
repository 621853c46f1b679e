-- From the third schema to the fourth: states are packed and counted between checkpoints, and the time of receipt is
-- kept as a delay. What states, checkpoints and sessions are is folded anew afterwards.
alter table visitors rename to visitors_3;

create table visitors (
  id integer primary key,
  site integer not null,
  visitor text not null,
  -- Keyed hash of the shop's user id that was joined to the visitor.
  user blob,
  -- The client of their latest event.
  client integer,
  -- engine::facts::State as MessagePack.
  state blob not null,
  -- Events folded in since the last checkpoint.
  since integer not null,
  unique (site, visitor)
) strict;

insert into visitors (id, site, visitor, user, client, state, since)
select id, site, visitor, user, client, x'', 0 from visitors_3;

drop table visitors_3;

drop index events_by_visitor;
alter table events rename to events_3;

create table events (
  row integer primary key,
  id blob not null unique,
  site integer not null,
  visitor integer not null,
  name integer not null,
  -- The corrected time, which folds and reports go by; the sender's own stands in `at` where it differs.
  time integer not null,
  at integer,
  -- How long after `time` it was received, in ms: a small number where the whole time is a large one.
  delay integer not null,
  hash blob not null,
  url integer,
  referrer integer,
  title integer,
  value integer,
  currency integer,
  transaction_id text,
  user blob,
  client integer,
  -- Texts of JSON. That of a single item repeats from event to event: it stands as the number of a string.
  items any,
  props text,
  -- Properties that the site calls sensitive, encrypted.
  sealed blob
) strict;

insert into events (
  row, id, site, visitor, name, time, at, delay, hash, url, referrer, title, value, currency, transaction_id, user, client,
  items, props, sealed
)
select
  row, id, site, visitor, name, time, at, received - time, hash, url, referrer, title, value, currency, transaction_id, user,
  client, items, props, sealed
from events_3 order by row;

drop table events_3;

create index events_by_visitor on events (visitor, time);
create index transactions_by_event on transactions (event) where event is not null;

drop table checkpoints;

create table checkpoints (
  visitor integer not null,
  time integer not null,
  id blob not null,
  state blob not null,
  primary key (visitor, time, id)
) strict, without rowid;
