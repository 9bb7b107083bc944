CREATE TABLE IF NOT EXISTS sentri_users (
  id TEXT NOT NULL PRIMARY KEY,
  password_hash TEXT NOT NULL,
  roles TEXT NOT NULL DEFAULT '[]',
  created_at TEXT NOT NULL,
  updated_at TEXT,
  auth_epoch INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS sentri_sessions (
  id TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES sentri_users (id) ON DELETE CASCADE,
  expires_at TEXT NOT NULL,
  created_at TEXT NOT NULL,
  generation INTEGER NOT NULL DEFAULT 0,
  rotated_at TEXT,
  last_used_at TEXT,
  revoked_at TEXT,
  ip_address TEXT,
  user_agent TEXT
);
CREATE TABLE IF NOT EXISTS sentri_identifiers (
  id TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES sentri_users (id) ON DELETE CASCADE,
  type TEXT NOT NULL,
  value TEXT NOT NULL,
  created_at TEXT NOT NULL,
  value_normalized TEXT
);
CREATE TABLE IF NOT EXISTS sentri_keys (
  kid TEXT NOT NULL PRIMARY KEY,
  predecessor TEXT NOT NULL UNIQUE,
  algorithm TEXT NOT NULL,
  private_key TEXT NOT NULL,
  created_at TEXT NOT NULL,
  active_from TEXT NOT NULL,
  retired_at TEXT
);
