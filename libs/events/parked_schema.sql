-- Keys whose events wait for an operator (libs/events/parked.h).
CREATE TABLE parked_keys (
  consumer TEXT NOT NULL,
  subject TEXT NOT NULL,
  events BIGINT NOT NULL,
  last_n BIGINT NOT NULL,
  park_time BIGINT NOT NULL,
  code BIGINT NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  failure_time BIGINT NOT NULL,
  PRIMARY KEY (consumer, subject)
);
-- `event`: lgsp.events.v1.FollowResponse; `n` is the order within the key.
CREATE TABLE parked (
  consumer TEXT NOT NULL,
  subject TEXT NOT NULL,
  n BIGINT NOT NULL,
  event_id TEXT NOT NULL,
  event BYTES NOT NULL,
  PRIMARY KEY (consumer, subject, n)
);
-- What operators did: one row per command. `system` is authenticated, `operator_id` asserted by it.
CREATE TABLE parked_audit (
  id TEXT NOT NULL PRIMARY KEY,
  consumer TEXT NOT NULL,
  subject TEXT NOT NULL,
  action TEXT NOT NULL,
  events BIGINT NOT NULL,
  outcome TEXT NOT NULL,
  system TEXT NOT NULL,
  operator_id TEXT NOT NULL,
  traceparent TEXT NOT NULL,
  time BIGINT NOT NULL
);
