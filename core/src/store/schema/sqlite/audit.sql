CREATE TABLE IF NOT EXISTS sentri_audit (
  id TEXT NOT NULL PRIMARY KEY,
  created_at TEXT NOT NULL,
  event TEXT NOT NULL,
  actor TEXT,
  subject TEXT,
  session_id TEXT,
  ip TEXT,
  request_id TEXT,
  fields TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS sentri_audit_created_at ON sentri_audit (created_at, id);
CREATE INDEX IF NOT EXISTS sentri_audit_subject ON sentri_audit (subject, created_at);
CREATE INDEX IF NOT EXISTS sentri_audit_event ON sentri_audit (event, created_at);
CREATE INDEX IF NOT EXISTS sentri_audit_actor ON sentri_audit (actor);
