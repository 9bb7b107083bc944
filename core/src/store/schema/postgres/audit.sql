CREATE TABLE IF NOT EXISTS sentri_audit (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  created_at TIMESTAMP(6) NOT NULL,
  event VARCHAR(64) NOT NULL,
  actor VARCHAR(255),
  subject VARCHAR(255),
  session_id VARCHAR(255),
  ip VARCHAR(255),
  request_id VARCHAR(255),
  fields TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS sentri_audit_created_at ON sentri_audit (created_at, id);
CREATE INDEX IF NOT EXISTS sentri_audit_subject ON sentri_audit (subject, created_at);
CREATE INDEX IF NOT EXISTS sentri_audit_event ON sentri_audit (event, created_at);
CREATE INDEX IF NOT EXISTS sentri_audit_actor ON sentri_audit (actor);
