/**
 * The ledger's schema, step by step; released steps are never edited.
 *
 * `message.waiting`: a row of an earlier epoch that may still be matched by content (between `beginEpoch` and
 * `endEpochs`). `message.stale`: it landed under another validity than the destination's present one. Both could be
 * computed, but then no index could hold exactly the rows that are asked for. The partial indexes keep every
 * question below as cheap in a mailbox of 500,000 messages as in a small one. `counter` is kept by triggers, so that
 * no code path can forget it.
 */
export const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE pair (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  destination TEXT NOT NULL,
  UNIQUE (source, destination)
) STRICT;

CREATE TABLE destination (
  id INTEGER PRIMARY KEY,
  account TEXT NOT NULL,
  path TEXT NOT NULL,
  validity TEXT,
  surveyed INTEGER NOT NULL DEFAULT 0,
  UNIQUE (account, path)
) STRICT;

CREATE TABLE mailbox (
  id INTEGER PRIMARY KEY,
  pair_id INTEGER NOT NULL REFERENCES pair (id),
  source_path TEXT NOT NULL,
  special_use TEXT,
  destination_id INTEGER NOT NULL REFERENCES destination (id),
  cursor TEXT,
  epoch INTEGER NOT NULL DEFAULT 0,
  listing INTEGER NOT NULL DEFAULT 0,
  UNIQUE (pair_id, source_path)
) STRICT;
CREATE INDEX mailbox_destination ON mailbox (destination_id);

CREATE TABLE message (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  mailbox_id INTEGER NOT NULL REFERENCES mailbox (id),
  destination_id INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  key TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  internal_date INTEGER NOT NULL,
  flags TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN
    ('discovered', 'appending', 'landed', 'existing', 'expunged', 'skipped', 'quarantined')),
  seen INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  doubted INTEGER NOT NULL DEFAULT 0,
  gone INTEGER NOT NULL DEFAULT 0,
  waiting INTEGER NOT NULL DEFAULT 0,
  stale INTEGER NOT NULL DEFAULT 0,
  verified_at INTEGER,
  destination_validity TEXT,
  destination_key TEXT,
  applied_flags TEXT NOT NULL DEFAULT '',
  position_validity TEXT,
  position_next TEXT,
  digest BLOB,
  match_digest BLOB,
  match_bytes INTEGER,
  nul INTEGER,
  message_id TEXT,
  reason_code TEXT,
  reason_text TEXT,
  reason_server_text TEXT,
  CHECK (destination_key IS NULL OR destination_validity IS NOT NULL)
) STRICT;

CREATE UNIQUE INDEX message_key ON message (mailbox_id, epoch, key);
CREATE UNIQUE INDEX message_claim ON message (destination_id, destination_validity, destination_key)
  WHERE destination_key IS NOT NULL;
CREATE INDEX message_pending ON message (mailbox_id) WHERE state = 'discovered' AND waiting = 0;
CREATE INDEX message_appending ON message (mailbox_id) WHERE state = 'appending';
CREATE INDEX message_delivered ON message (mailbox_id) WHERE state IN ('landed', 'existing');
CREATE INDEX message_flags ON message (mailbox_id) WHERE state IN ('landed', 'existing') AND flags <> applied_flags;
CREATE INDEX message_exception ON message (id) WHERE state IN ('quarantined', 'skipped');
CREATE INDEX message_doubted ON message (mailbox_id) WHERE doubted = 1;
CREATE INDEX message_waiting ON message (mailbox_id, match_digest) WHERE waiting = 1;
CREATE INDEX message_stale ON message (destination_id) WHERE stale = 1;
CREATE INDEX message_moved ON message (match_digest)
  WHERE gone = 1 AND destination_key IS NOT NULL AND state IN ('landed', 'existing');

CREATE TABLE counter (
  mailbox_id INTEGER NOT NULL,
  state TEXT NOT NULL,
  messages INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  verified INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (mailbox_id, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER counter_mailbox AFTER INSERT ON mailbox BEGIN
  INSERT INTO counter (mailbox_id, state) VALUES
    (NEW.id, 'discovered'), (NEW.id, 'appending'), (NEW.id, 'landed'), (NEW.id, 'existing'),
    (NEW.id, 'expunged'), (NEW.id, 'skipped'), (NEW.id, 'quarantined');
END;
CREATE TRIGGER counter_insert AFTER INSERT ON message BEGIN
  UPDATE counter SET messages = messages + 1, bytes = bytes + NEW.bytes, verified = verified + (NEW.verified_at IS NOT NULL)
    WHERE mailbox_id = NEW.mailbox_id AND state = NEW.state;
END;
CREATE TRIGGER counter_delete AFTER DELETE ON message BEGIN
  UPDATE counter SET messages = messages - 1, bytes = bytes - OLD.bytes, verified = verified - (OLD.verified_at IS NOT NULL)
    WHERE mailbox_id = OLD.mailbox_id AND state = OLD.state;
END;
CREATE TRIGGER counter_update AFTER UPDATE OF mailbox_id, state, bytes, verified_at ON message
WHEN OLD.state <> NEW.state OR OLD.bytes <> NEW.bytes OR OLD.mailbox_id <> NEW.mailbox_id
  OR (OLD.verified_at IS NULL) <> (NEW.verified_at IS NULL)
BEGIN
  UPDATE counter SET messages = messages - 1, bytes = bytes - OLD.bytes, verified = verified - (OLD.verified_at IS NOT NULL)
    WHERE mailbox_id = OLD.mailbox_id AND state = OLD.state;
  UPDATE counter SET messages = messages + 1, bytes = bytes + NEW.bytes, verified = verified + (NEW.verified_at IS NOT NULL)
    WHERE mailbox_id = NEW.mailbox_id AND state = NEW.state;
END;

CREATE TABLE candidate (
  id INTEGER PRIMARY KEY,
  destination_id INTEGER NOT NULL REFERENCES destination (id),
  key TEXT NOT NULL,
  validity TEXT,
  bytes INTEGER,
  internal_date INTEGER NOT NULL,
  flags TEXT NOT NULL,
  message_id TEXT,
  match_digest BLOB,
  UNIQUE (destination_id, key)
) STRICT;
CREATE INDEX candidate_message_id ON candidate (destination_id, message_id);

CREATE TABLE finding (
  id INTEGER PRIMARY KEY,
  mailbox_id INTEGER NOT NULL REFERENCES mailbox (id),
  check_group TEXT NOT NULL,
  class TEXT NOT NULL,
  check_name TEXT NOT NULL,
  message_id INTEGER,
  source_key TEXT,
  destination_key TEXT,
  expected TEXT NOT NULL,
  actual TEXT NOT NULL,
  rule TEXT
) STRICT;
CREATE INDEX finding_mailbox ON finding (mailbox_id, check_group);
CREATE INDEX finding_message ON finding (message_id) WHERE message_id IS NOT NULL;

CREATE TABLE run (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  began_at INTEGER NOT NULL,
  ended_at INTEGER,
  outcome TEXT
) STRICT;

CREATE TABLE fact (
  name TEXT PRIMARY KEY,
  value REAL NOT NULL
) STRICT, WITHOUT ROWID;
`,
  // What a run waits for, so that another process can show it.
  `
CREATE TABLE wait (
  pair_id INTEGER PRIMARY KEY REFERENCES pair (id),
  reason TEXT NOT NULL,
  until INTEGER NOT NULL
) STRICT;
`,
  // One message in several mailboxes of a source with labels.
  `
ALTER TABLE message ADD COLUMN identity TEXT;
CREATE INDEX message_identity ON message (identity) WHERE identity IS NOT NULL;
`,
  // Backups: what is held until its volume is whole, and the book of volumes (src/core/backups.ts).
  `
ALTER TABLE message ADD COLUMN held_flags TEXT;
CREATE INDEX message_held_flags ON message (id) WHERE held_flags IS NOT NULL;

CREATE TABLE backup_series (
  id TEXT PRIMARY KEY,
  ends TEXT NOT NULL,
  per TEXT NOT NULL
) STRICT;

CREATE TABLE backup_set (
  id TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL,
  account TEXT,
  parent TEXT,
  recipients TEXT NOT NULL,
  began_at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT;

CREATE TABLE backup_volume (
  id INTEGER PRIMARY KEY,
  set_id TEXT NOT NULL REFERENCES backup_set (id),
  number INTEGER NOT NULL,
  last INTEGER NOT NULL,
  path TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  plain_sha256 TEXT NOT NULL,
  messages INTEGER NOT NULL,
  message_bytes INTEGER NOT NULL,
  written_at INTEGER NOT NULL,
  removed INTEGER NOT NULL DEFAULT 0,
  handed_to TEXT,
  handed_how TEXT,
  handed_at INTEGER,
  confirmed_by TEXT,
  confirmed_key TEXT,
  confirmed_at INTEGER,
  UNIQUE (set_id, number)
) STRICT;

CREATE TABLE backup_mailbox (
  account TEXT NOT NULL,
  path TEXT NOT NULL,
  special_use TEXT,
  subscribed INTEGER NOT NULL,
  PRIMARY KEY (account, path)
) STRICT, WITHOUT ROWID;
`,
  // Adoption asks by content; of candidates without a Message-ID only those that have not been read are looked at.
  `
CREATE INDEX candidate_digest ON candidate (destination_id, match_digest) WHERE match_digest IS NOT NULL;
CREATE INDEX candidate_nameless ON candidate (destination_id) WHERE message_id IS NULL AND match_digest IS NULL;
`,
  // Fingerprints of content, what verification made of them, and messages that a destination made one of.
  `
ALTER TABLE message ADD COLUMN fingerprint BLOB;
ALTER TABLE message ADD COLUMN fidelity TEXT;
ALTER TABLE message ADD COLUMN merged_key TEXT;
CREATE INDEX message_copy ON message (destination_key) WHERE destination_key IS NOT NULL AND fingerprint IS NOT NULL;
ALTER TABLE counter ADD COLUMN merged INTEGER NOT NULL DEFAULT 0;
ALTER TABLE counter ADD COLUMN identical INTEGER NOT NULL DEFAULT 0;
ALTER TABLE counter ADD COLUMN equivalent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE counter ADD COLUMN altered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE counter ADD COLUMN missing INTEGER NOT NULL DEFAULT 0;
CREATE TRIGGER counter_content_delete AFTER DELETE ON message
WHEN OLD.merged_key IS NOT NULL OR OLD.fidelity IS NOT NULL
BEGIN
  UPDATE counter SET merged = merged - (OLD.merged_key IS NOT NULL), identical = identical - (OLD.fidelity IS 'identical'),
    equivalent = equivalent - (OLD.fidelity IS 'equivalent'), altered = altered - (OLD.fidelity IS 'altered'), missing = missing - (OLD.fidelity IS 'missing')
    WHERE mailbox_id = OLD.mailbox_id AND state = OLD.state;
END;
CREATE TRIGGER counter_content_update AFTER UPDATE OF mailbox_id, state, merged_key, fidelity ON message
WHEN (OLD.merged_key IS NOT NULL OR OLD.fidelity IS NOT NULL OR NEW.merged_key IS NOT NULL OR NEW.fidelity IS NOT NULL)
BEGIN
  UPDATE counter SET merged = merged - (OLD.merged_key IS NOT NULL), identical = identical - (OLD.fidelity IS 'identical'),
    equivalent = equivalent - (OLD.fidelity IS 'equivalent'), altered = altered - (OLD.fidelity IS 'altered'), missing = missing - (OLD.fidelity IS 'missing')
    WHERE mailbox_id = OLD.mailbox_id AND state = OLD.state;
  UPDATE counter SET merged = merged + (NEW.merged_key IS NOT NULL), identical = identical + (NEW.fidelity IS 'identical'),
    equivalent = equivalent + (NEW.fidelity IS 'equivalent'), altered = altered + (NEW.fidelity IS 'altered'), missing = missing + (NEW.fidelity IS 'missing')
    WHERE mailbox_id = NEW.mailbox_id AND state = NEW.state;
END;
`,
  // What holds the messages of a backup.
  `
ALTER TABLE backup_series ADD COLUMN form TEXT NOT NULL DEFAULT 'eml';
`,
  // What made accounts wait, over all runs: a report says which limits were met.
  `
CREATE TABLE limit_met (
  pair_id INTEGER NOT NULL REFERENCES pair (id),
  reason TEXT NOT NULL,
  waits INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (pair_id, reason)
) STRICT, WITHOUT ROWID;
`,
  // How far the rows of an epoch that has begun have been seen to, by id; null when all have been.
  `
ALTER TABLE mailbox ADD COLUMN epoch_after INTEGER;
`,
  // What was asked for when the pair was last worked through; null where it was not, or before this was noted.
  `
ALTER TABLE pair ADD COLUMN scope TEXT;
`,
]
