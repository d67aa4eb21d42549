-- The publishing side of libs/events. `feed` is the outbox and, on SQLite, the feed itself: the one writer gives positions
-- in commit order. Column names as in Debezium's outbox event router.
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
