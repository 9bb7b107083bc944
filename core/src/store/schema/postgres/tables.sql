CREATE TABLE IF NOT EXISTS sentri_users (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  password_hash VARCHAR(255) NOT NULL,
  roles TEXT NOT NULL DEFAULT '[]',
  created_at TIMESTAMP(6) NOT NULL,
  updated_at TIMESTAMP(6),
  auth_epoch BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS sentri_sessions (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  user_id VARCHAR(36) NOT NULL REFERENCES sentri_users (id) ON DELETE CASCADE,
  expires_at TIMESTAMP(6) NOT NULL,
  created_at TIMESTAMP(6) NOT NULL,
  generation BIGINT NOT NULL DEFAULT 0,
  rotated_at TIMESTAMP(6),
  last_used_at TIMESTAMP(6),
  revoked_at TIMESTAMP(6),
  ip_address VARCHAR(45),
  user_agent TEXT
);
CREATE TABLE IF NOT EXISTS sentri_identifiers (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  user_id VARCHAR(36) NOT NULL REFERENCES sentri_users (id) ON DELETE CASCADE,
  type VARCHAR(64) NOT NULL,
  value TEXT NOT NULL,
  created_at TIMESTAMP(6) NOT NULL,
  value_normalized TEXT COLLATE "C"
);
CREATE TABLE IF NOT EXISTS sentri_keys (
  kid VARCHAR(64) NOT NULL PRIMARY KEY,
  predecessor VARCHAR(64) NOT NULL UNIQUE,
  algorithm VARCHAR(16) NOT NULL,
  private_key TEXT NOT NULL,
  created_at TIMESTAMP(6) NOT NULL,
  active_from TIMESTAMP(6) NOT NULL,
  retired_at TIMESTAMP(6)
);
