-- Integer row ids everywhere that rows are many: UUIDv7 ids arrive seconds out of order, and a table clustered by them
-- dirties a leaf for each. Strings that repeat stand once in `strings` and are referred to by number.
create table meta (
  key text primary key,
  value any
) strict, without rowid;

create table sites (
  id integer primary key,
  name text not null unique,
  origins text not null default '[]',
  holdout real not null,
  version integer not null default 1,
  -- JSON list of the properties whose values are kept sealed.
  sensitive text not null default '[]',
  -- Days that raw events are kept; null for ever.
  retention integer,
  -- Raw events before this (ms, a whole quarter) are gone: sums of earlier quarters are what is left of them.
  sealed_before integer
) strict;

create table keys (
  hash blob primary key,
  site integer not null,
  scopes integer not null,
  -- The key itself for public ones, which are no secret; null for the others.
  text text,
  name text not null default '',
  -- When, in ms; a key that was revoked stays, so that it is never taken for an unknown one.
  made integer,
  revoked integer
) strict, without rowid;

create table strings (
  id integer primary key,
  -- By which a text is found; an index over the texts would hold each of them a second time.
  hash integer not null,
  text text not null
) strict;

create index strings_by_hash on strings (hash);

-- What sent an event: the envelope's context, and what the collector made of the user agent.
create table clients (
  id integer primary key,
  -- Of context and agent together; by which a client is found.
  hash integer not null unique,
  context text,
  device text,
  os text,
  browser text,
  language text
) strict;

create table visitors (
  id integer primary key,
  site integer not null,
  visitor text not null,
  -- Keyed hash of the shop's user id that was joined to the visitor.
  user blob,
  -- The client of their latest event.
  client integer,
  -- engine::facts::State as JSON.
  state text not null default '{}',
  unique (site, visitor)
) strict;

create table events (
  row integer primary key,
  id blob not null unique,
  site integer not null,
  visitor integer not null,
  name integer not null,
  -- The corrected time, which folds and reports go by; the sender's own stands in `at` where it differs.
  time integer not null,
  at integer,
  received integer not null,
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

-- The order of the fold but for the id, which would make it twice as large and orders only what shares a millisecond;
-- it also serves a visitor's timeline and every report that goes visitor by visitor.
create index events_by_visitor on events (visitor, time);

-- Purchases by transaction id: the first is the one that counts.
create table transactions (
  site integer not null,
  hash blob not null,
  -- The event; null once it is gone.
  event integer,
  -- What a secret key said that it was worth; null until one did.
  confirmed integer,
  primary key (site, hash)
) strict, without rowid;

create table sessions (
  visitor integer not null,
  start integer not null,
  id blob not null,
  site integer not null,
  end integer not null,
  events integer not null,
  pages integer not null,
  landing integer,
  source integer,
  medium integer,
  campaign integer,
  -- The host that the first page was reached from, and what kind of way that is.
  referrer integer,
  channel text,
  primary key (visitor, start, id)
) strict, without rowid;

-- States on the way: a late event is folded in from the last one before it. The first one of a visitor whose early
-- events are gone is all that is left of those.
create table checkpoints (
  visitor integer not null,
  time integer not null,
  id blob not null,
  state text not null,
  primary key (visitor, time, id)
) strict, without rowid;

create index sessions_by_time on sessions (site, start, end);

-- Sums by quarter of an hour: every time zone in use is a whole number of them away from UTC.
create table quarters (
  site integer not null,
  quarter integer not null,
  name integer not null,
  n integer not null,
  value integer not null,
  primary key (site, quarter, name)
) strict, without rowid;

create table item_quarters (
  site integer not null,
  quarter integer not null,
  item integer not null,
  views integer not null,
  carts integer not null,
  purchases integer not null,
  quantity integer not null,
  revenue integer not null,
  primary key (site, quarter, item)
) strict, without rowid;

create table items (
  site integer not null,
  item integer not null,
  name text,
  category text,
  price integer,
  stock integer,
  url text,
  image text,
  -- 1 where the shop put it; 0 where it was learned from events.
  put integer not null,
  primary key (site, item)
) strict, without rowid;

create table documents (
  site integer not null,
  kind text not null,
  id text not null,
  body text not null,
  primary key (site, kind, id)
) strict, without rowid;

create table rejects (
  row integer primary key,
  -- Null where a sender gave nothing to know a resend by; nulls are never equal.
  hash blob unique,
  site integer not null,
  received integer not null,
  sent_at integer,
  -- 1 where a secret key sent it.
  trusted integer not null,
  -- 1 where it was filtered (a bot) rather than wrong.
  filtered integer not null default 0,
  -- Keyed hash of the visitor, to find what is to be erased.
  visitor blob,
  code text not null,
  path text not null,
  detail text not null,
  body text not null
) strict;

create index rejects_by_time on rejects (site, received);

-- How many there were by day (UTC) and reason; stays when the rejects go.
create table reject_counts (
  site integer not null,
  day integer not null,
  code text not null,
  filtered integer not null,
  n integer not null,
  primary key (site, day, code, filtered)
) strict, without rowid;
