-- The consuming side of libs/events: how far each consumer has come, and what it has dealt with.
CREATE TABLE consumer_positions (
  consumer TEXT NOT NULL PRIMARY KEY,
  epoch BIGINT NOT NULL,
  n BIGINT NOT NULL
);
CREATE TABLE inbox (
  consumer TEXT NOT NULL,
  source TEXT NOT NULL,
  event_id TEXT NOT NULL,
  receive_time BIGINT NOT NULL,
  PRIMARY KEY (consumer, source, event_id)
);
