-- A document. `body` is the Document message without what is personal; `sealed` the key of its content, then the
-- personal part (title, file name, hash of the content, reference), encrypted with the dossier's data key.
CREATE TABLE documents (
  name TEXT NOT NULL PRIMARY KEY,
  dossier TEXT NOT NULL,
  file TEXT NOT NULL,
  body BYTES NOT NULL,
  sealed BYTES NOT NULL
);
CREATE INDEX documents_dossier ON documents (dossier, name);
CREATE INDEX documents_file ON documents (file);

-- The files there are, each with how many documents it is the content of, and its scan (a Scan.State; security time).
CREATE TABLE document_contents (
  file TEXT NOT NULL PRIMARY KEY,
  links BIGINT NOT NULL,
  scan_state SMALLINT NOT NULL,
  scan_time BIGINT NOT NULL,
  claimed_until BIGINT NOT NULL
);
CREATE INDEX document_contents_pending ON document_contents (claimed_until) WHERE scan_state = 1;

-- What the documents of a dossier come to.
CREATE TABLE document_totals (
  dossier TEXT NOT NULL PRIMARY KEY,
  documents BIGINT NOT NULL,
  bytes BIGINT NOT NULL
);

-- What an officer stated of the papers of a dossier: `sealed` is the StateFileListRequest, encrypted with the dossier's
-- data key.
CREATE TABLE file_lists (
  dossier TEXT NOT NULL PRIMARY KEY,
  revision BIGINT NOT NULL,
  time BIGINT NOT NULL,
  system TEXT NOT NULL,
  officer TEXT NOT NULL,
  sealed BYTES NOT NULL
);
