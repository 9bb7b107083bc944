CREATE TABLE IF NOT EXISTS sentri_flows (
  id TEXT NOT NULL PRIMARY KEY,
  purpose TEXT NOT NULL,
  user_id TEXT,
  subject TEXT NOT NULL,
  token_digest TEXT NOT NULL,
  code_digest TEXT,
  code_kid TEXT,
  code_expires_at TEXT,
  attempts INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  context TEXT NOT NULL,
  auth_epoch INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  consumed_at TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS sentri_flows_token_digest ON sentri_flows (token_digest);
CREATE INDEX IF NOT EXISTS sentri_flows_user_id ON sentri_flows (user_id);
CREATE INDEX IF NOT EXISTS sentri_flows_subject ON sentri_flows (subject);
CREATE INDEX IF NOT EXISTS sentri_flows_expires_at ON sentri_flows (expires_at);
