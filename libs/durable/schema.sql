-- Tables of libs/durable, in the database of every service that takes commands or calls others.

-- One wrapped data key per subject (a dossier, a person): erasure deletes the row.
CREATE TABLE data_keys (
  subject TEXT NOT NULL PRIMARY KEY,
  kek_id TEXT NOT NULL,
  sealed BYTES NOT NULL
);

-- Answers of commands, so that a repeated request gets the same one. `answer` is sealed with the subject's key and
-- holds the fingerprint of the request too: it is made of personal data.
CREATE TABLE request_records (
  caller TEXT NOT NULL,
  request_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  answer BYTES NOT NULL,
  expire_time BIGINT NOT NULL,
  PRIMARY KEY (caller, request_id)
);
CREATE INDEX request_records_expire ON request_records (expire_time);
CREATE INDEX request_records_subject ON request_records (subject);

-- Outward calls that were decided on. `request` is sealed with the subject's key. create_time is civil time;
-- next_attempt_time and claimed_until are security time, 0: at once, not claimed; the greatest BIGINT as
-- next_attempt_time: when the calls before it of its subject and kind have ended. state: 0 open, 1 done, 2 failed; the
-- request of one that is done is empty.
CREATE TABLE calls (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  sequence BIGINT NOT NULL,
  request BYTES NOT NULL,
  state SMALLINT NOT NULL,
  attempts BIGINT NOT NULL,
  create_time BIGINT NOT NULL,
  next_attempt_time BIGINT NOT NULL,
  claimed_until BIGINT NOT NULL,
  claimed_by TEXT NOT NULL
);
CREATE INDEX calls_open ON calls (kind, next_attempt_time) WHERE state = 0;
CREATE INDEX calls_done ON calls (create_time) WHERE state = 1;
CREATE UNIQUE INDEX calls_order ON calls (subject, kind, sequence);
