-- A result. `body` is the Result message without what is personal; `sealed` the rest (title, number, hash of the content,
-- reasons, code, signer, signature), encrypted with the dossier's data key. `code_hash`: SHA-256 of the verification code.
CREATE TABLE results (
  name TEXT NOT NULL PRIMARY KEY,
  dossier TEXT NOT NULL,
  revision BIGINT NOT NULL,
  state SMALLINT NOT NULL,
  code_hash BYTES,
  body BYTES NOT NULL,
  sealed BYTES NOT NULL
);
CREATE INDEX results_dossier ON results (dossier, name);
CREATE UNIQUE INDEX results_code ON results (code_hash);
