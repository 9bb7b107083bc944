CREATE TABLE IF NOT EXISTS sentri_factors (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  user_id VARCHAR(36) NOT NULL,
  kind VARCHAR(16) NOT NULL,
  label TEXT,
  secret TEXT NOT NULL,
  last_step BIGINT NOT NULL,
  created_at TIMESTAMP(6) NOT NULL,
  confirmed_at TIMESTAMP(6),
  last_used_at TIMESTAMP(6)
);
CREATE TABLE IF NOT EXISTS sentri_recovery_codes (
  user_id VARCHAR(36) NOT NULL,
  digest VARCHAR(64) NOT NULL,
  created_at TIMESTAMP(6) NOT NULL,
  PRIMARY KEY (user_id, digest)
);
CREATE TABLE IF NOT EXISTS sentri_factor_attempts (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  user_id VARCHAR(36) NOT NULL,
  kind VARCHAR(16) NOT NULL,
  created_at TIMESTAMP(6) NOT NULL,
  is_past BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS sentri_factors_user_id ON sentri_factors (user_id);
CREATE INDEX IF NOT EXISTS sentri_factor_attempts_user_id ON sentri_factor_attempts (user_id);
