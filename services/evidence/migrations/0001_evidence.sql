-- Only an index of the mirrored logs: deleted, it is made again from their files.

-- How many entries of a log are in it.
CREATE TABLE log_positions (
  origin TEXT NOT NULL PRIMARY KEY,
  position BIGINT NOT NULL
);

-- The calls, and where their records are. outcome_index -1: not there yet. person_hash '': nobody.
CREATE TABLE exchanges (
  exchange_id TEXT NOT NULL,
  origin TEXT NOT NULL,
  intent_index BIGINT NOT NULL,
  outcome_index BIGINT NOT NULL,
  intent_time BIGINT NOT NULL,
  system TEXT NOT NULL,
  service TEXT NOT NULL,
  method TEXT NOT NULL,
  dossier TEXT NOT NULL,
  person_hash TEXT NOT NULL,
  outcome_end BIGINT NOT NULL,
  grpc_status BIGINT NOT NULL,
  PRIMARY KEY (exchange_id, origin)
);

-- Each call under each thing it is looked for by: kind 0 all, 1 system, 2 service, 3 dossier, 4 person.
CREATE TABLE exchange_keys (
  kind SMALLINT NOT NULL,
  value TEXT NOT NULL,
  intent_time BIGINT NOT NULL,
  exchange_id TEXT NOT NULL,
  origin TEXT NOT NULL,
  PRIMARY KEY (kind, value, intent_time, exchange_id, origin)
);
