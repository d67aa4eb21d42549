-- A dossier. `body` is the Dossier message without what is personal; `sealed` the personal part (applicant, subject, reasons, an officer's basis,
-- what a supplement request asks for), encrypted with the dossier's data key. The columns beside them are what is searched by.
CREATE TABLE dossiers (
  name TEXT NOT NULL PRIMARY KEY,
  revision BIGINT NOT NULL,
  state SMALLINT NOT NULL,
  code TEXT,
  procedure_code TEXT NOT NULL,
  intake_agency TEXT NOT NULL,
  settling_agency TEXT NOT NULL,
  submit_time BIGINT NOT NULL,
  body BYTES NOT NULL,
  sealed BYTES NOT NULL
);
CREATE UNIQUE INDEX dossiers_code ON dossiers (code);

-- What others call a dossier.
CREATE TABLE foreign_codes (
  issuer TEXT NOT NULL,
  code TEXT NOT NULL,
  dossier TEXT NOT NULL,
  PRIMARY KEY (issuer, code)
);

-- Whose a dossier is: one row for each agency concerned, with what its lists are filtered by. Names sort by time of
-- submission (UUIDv7).
CREATE TABLE dossier_list (
  agency TEXT NOT NULL,
  name TEXT NOT NULL,
  state SMALLINT NOT NULL,
  settling TEXT NOT NULL,
  procedure_code TEXT NOT NULL,
  -- Of the settling agency's row, while it is open: when it is due, and which officer has it; else 0 and empty.
  due BIGINT NOT NULL,
  officer TEXT NOT NULL,
  PRIMARY KEY (agency, name)
);
CREATE INDEX dossier_list_state ON dossier_list (agency, state, name);
CREATE INDEX dossier_list_settling ON dossier_list (agency, settling, state, name);
CREATE INDEX dossier_list_procedure ON dossier_list (agency, procedure_code, name);
CREATE INDEX dossier_list_due ON dossier_list (agency, due, name) WHERE due > 0;
CREATE INDEX dossier_list_officer ON dossier_list (agency, officer, name) WHERE officer <> '';

-- How many dossiers of an agency, settled by it (settles = 1) or not, are in a state: the sum over the shards, so that
-- commands of one agency do not wait for each other.
CREATE TABLE dossier_counts (
  agency TEXT NOT NULL,
  settles SMALLINT NOT NULL,
  state SMALLINT NOT NULL,
  shard SMALLINT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (agency, settles, state, shard)
);

-- The people of dossiers, as tokens that only this service can make.
CREATE TABLE person_index (
  agency TEXT NOT NULL,
  token BYTES NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (agency, token, name)
);

-- Every command that took effect.
CREATE TABLE transitions (
  dossier TEXT NOT NULL,
  revision BIGINT NOT NULL,
  state SMALLINT NOT NULL,
  command TEXT NOT NULL,
  -- Whose it was after it.
  settling_agency TEXT NOT NULL,
  time BIGINT NOT NULL,
  system TEXT NOT NULL,
  officer TEXT NOT NULL,
  unit TEXT NOT NULL,
  PRIMARY KEY (dossier, revision)
);

-- Until when applicants have to answer a supplement request, and agencies what they were asked; civil time.
CREATE TABLE answer_deadlines (
  dossier TEXT NOT NULL PRIMARY KEY,
  deadline BIGINT NOT NULL
);
CREATE INDEX answer_deadlines_deadline ON answer_deadlines (deadline);

-- Every version of every procedure, as a Procedure message; a dossier keeps its own.
CREATE TABLE procedure_versions (
  code TEXT NOT NULL,
  version BIGINT NOT NULL,
  body BYTES NOT NULL,
  PRIMARY KEY (code, version)
);

-- Dossiers whose due date rests on a year without its notice, until it is counted again or they end.
CREATE TABLE provisional_dues (
  dossier TEXT NOT NULL PRIMARY KEY
);

-- What central systems tell of dossiers that they settle, as a Mirror message, and how many an agency has.
CREATE TABLE mirrors (
  code TEXT NOT NULL PRIMARY KEY,
  agency TEXT NOT NULL,
  portal_status SMALLINT NOT NULL,
  event_time BIGINT NOT NULL,
  body BYTES NOT NULL
);
CREATE INDEX mirrors_agency ON mirrors (agency, code);
CREATE INDEX mirrors_status ON mirrors (agency, portal_status, code);
CREATE TABLE mirror_counts (
  agency TEXT NOT NULL,
  portal_status SMALLINT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (agency, portal_status)
);

-- The last sequence number of each settling agency and local day (Circular 03/2025/TT-VPCP art. 13).
CREATE TABLE dossier_codes (
  agency TEXT NOT NULL,
  day TEXT NOT NULL,
  last BIGINT NOT NULL,
  PRIMARY KEY (agency, day)
);

-- How the portal's copy stands; apart from the dossier, because it changes without a command.
CREATE TABLE portal_syncs (
  dossier TEXT NOT NULL PRIMARY KEY,
  state SMALLINT NOT NULL,
  wanted_revision BIGINT NOT NULL,
  synced_revision BIGINT NOT NULL,
  sync_time BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  last_error_reason TEXT NOT NULL
);
CREATE INDEX portal_syncs_open ON portal_syncs (state) WHERE state <> 3;
