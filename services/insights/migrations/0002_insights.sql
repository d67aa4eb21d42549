-- How many dossiers entered a state, by settling agency and day (UTC+7).
CREATE TABLE dossier_counts (
  agency TEXT NOT NULL,
  state TEXT NOT NULL,
  day TEXT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (agency, state, day)
);
