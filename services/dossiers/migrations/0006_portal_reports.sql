-- The report of how the portal's copies differ goes through these rows in the order of submission (`submit_time`, that of
-- the dossier). `unsynced_time`: since when the portal has not been told everything; without meaning while state is 3.
ALTER TABLE portal_syncs ADD COLUMN submit_time BIGINT NOT NULL DEFAULT 0;
ALTER TABLE portal_syncs ADD COLUMN unsynced_time BIGINT NOT NULL DEFAULT 0;
UPDATE portal_syncs SET
  submit_time = (SELECT d.submit_time FROM dossiers d WHERE d.name = portal_syncs.dossier),
  unsynced_time = (SELECT MAX(t.time) FROM transitions t WHERE t.dossier = portal_syncs.dossier);
CREATE INDEX portal_syncs_submitted ON portal_syncs (submit_time, dossier);
DROP INDEX portal_syncs_open;
CREATE INDEX portal_syncs_unsynced ON portal_syncs (state, submit_time, dossier) WHERE state <> 3;

-- What operators ordered to be told once more; `ordered` 0: it was ordered already. `system` is authenticated,
-- `operator_id` asserted by it.
CREATE TABLE portal_repairs (
  id TEXT NOT NULL PRIMARY KEY,
  dossier TEXT NOT NULL,
  revision BIGINT NOT NULL,
  ordered SMALLINT NOT NULL,
  system TEXT NOT NULL,
  operator_id TEXT NOT NULL,
  traceparent TEXT NOT NULL,
  time BIGINT NOT NULL
);
