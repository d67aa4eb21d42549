-- The publishing side of libs/events; column names as in Debezium's outbox event router. On SQLite the one writer adds to
-- `feed`, with positions in commit order, and `outbox` stays empty. On PostgreSQL writers add to `outbox`, and a sequencer
-- moves what is committed to `feed`.
CREATE TABLE feed (
  position BIGINT NOT NULL PRIMARY KEY,
  id TEXT NOT NULL,
  aggregatetype TEXT NOT NULL,
  aggregateid TEXT NOT NULL,
  type TEXT NOT NULL,
  payload TEXT NOT NULL,
  revision BIGINT NOT NULL,
  time BIGINT NOT NULL,
  audience TEXT NOT NULL,
  traceparent TEXT NOT NULL
);
CREATE UNIQUE INDEX feed_revision ON feed (aggregateid, revision);

-- One row: which life of the database the positions belong to.
CREATE TABLE feed_epoch (
  one SMALLINT NOT NULL PRIMARY KEY CHECK (one = 1),
  epoch BIGINT NOT NULL
);

CREATE TABLE outbox (
  id TEXT NOT NULL PRIMARY KEY,
  aggregatetype TEXT NOT NULL,
  aggregateid TEXT NOT NULL,
  type TEXT NOT NULL,
  payload TEXT NOT NULL,
  revision BIGINT NOT NULL,
  time BIGINT NOT NULL,
  audience TEXT NOT NULL,
  traceparent TEXT NOT NULL
);
CREATE UNIQUE INDEX outbox_revision ON outbox (aggregateid, revision);
CREATE INDEX outbox_order ON outbox (revision, id);

-- One row: which process moves, until when (security time) the others leave it that.
CREATE TABLE feed_sequencer (
  one SMALLINT NOT NULL PRIMARY KEY CHECK (one = 1),
  owner TEXT NOT NULL,
  lease_until BIGINT NOT NULL
);
INSERT INTO feed_sequencer (one, owner, lease_until) VALUES (1, '', 0);

-- How far the feed has been produced to Kafka, and which process does it until when (libs/events/kafka_producer.h).
CREATE TABLE feed_production (
  topic TEXT NOT NULL PRIMARY KEY,
  n BIGINT NOT NULL,
  owner TEXT NOT NULL,
  lease_until BIGINT NOT NULL
);
