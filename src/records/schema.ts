/**
 * The schema of records.db, step by step; released steps are never edited. Times are milliseconds since 1970-01-01 UTC,
 * `…_day` is the last day of a period as `YYYY-MM-DD`, lists and sums are JSON.
 */
export const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE record (
  project TEXT PRIMARY KEY,
  client TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  signed_off_at INTEGER NOT NULL,
  abandoned INTEGER NOT NULL,
  counts TEXT NOT NULL,
  certificate BLOB,
  fingerprint TEXT,
  checkpoint TEXT,
  last_day TEXT NOT NULL,
  over_at INTEGER NOT NULL,
  restricted_at INTEGER,
  restricted_by TEXT,
  restricted_for TEXT
) STRICT;

CREATE TABLE contact (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  project TEXT NOT NULL REFERENCES record (project) ON DELETE CASCADE,
  name TEXT NOT NULL,
  address TEXT,
  phone TEXT,
  title TEXT,
  former TEXT NOT NULL DEFAULT '[]',
  erased INTEGER NOT NULL DEFAULT 0,
  last_day TEXT NOT NULL,
  over_at INTEGER NOT NULL
) STRICT;
CREATE INDEX contact_project ON contact (project);

CREATE TABLE hold (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  project TEXT NOT NULL,
  set_by TEXT NOT NULL,
  set_at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  released_by TEXT,
  released_at INTEGER,
  released_for TEXT
) STRICT;
CREATE INDEX hold_project ON hold (project);

CREATE TABLE incident (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  number TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL CHECK (role IN ('controller', 'processor', 'both')),
  aware_at INTEGER NOT NULL,
  opened_at INTEGER NOT NULL,
  opened_by TEXT NOT NULL,
  what TEXT NOT NULL,
  projects TEXT NOT NULL,
  frozen INTEGER NOT NULL,
  closed_at INTEGER,
  closed_by TEXT,
  conclusion TEXT,
  without_notice TEXT,
  last_day TEXT,
  over_at INTEGER
) STRICT;

CREATE TABLE incident_field (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  incident_id INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  at INTEGER NOT NULL,
  by_name TEXT NOT NULL
) STRICT;
CREATE INDEX incident_field_incident ON incident_field (incident_id);

CREATE TABLE incident_notice (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  incident_id INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
  recipient TEXT NOT NULL CHECK (recipient IN ('authority', 'client', 'subjects')),
  at INTEGER NOT NULL,
  reference TEXT,
  noted_at INTEGER NOT NULL,
  noted_by TEXT NOT NULL
) STRICT;
CREATE INDEX incident_notice_incident ON incident_notice (incident_id);

CREATE TABLE chore (name TEXT PRIMARY KEY) STRICT;
`,
]
