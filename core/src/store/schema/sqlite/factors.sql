CREATE TABLE IF NOT EXISTS sentri_factors (
  id TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  label TEXT,
  secret TEXT NOT NULL,
  last_step INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  confirmed_at TEXT,
  last_used_at TEXT
);
CREATE TABLE IF NOT EXISTS sentri_recovery_codes (
  user_id TEXT NOT NULL,
  digest TEXT NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (user_id, digest)
);
CREATE TABLE IF NOT EXISTS sentri_factor_attempts (
  id TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  created_at TEXT NOT NULL,
  is_past INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS sentri_factors_user_id ON sentri_factors (user_id);
CREATE INDEX IF NOT EXISTS sentri_factor_attempts_user_id ON sentri_factor_attempts (user_id);
