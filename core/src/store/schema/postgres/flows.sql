CREATE TABLE IF NOT EXISTS sentri_flows (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  purpose VARCHAR(16) NOT NULL,
  user_id VARCHAR(36),
  subject VARCHAR(64) NOT NULL,
  token_digest VARCHAR(64) NOT NULL,
  code_digest VARCHAR(64),
  code_kid VARCHAR(64),
  code_expires_at TIMESTAMP(6),
  attempts BIGINT NOT NULL,
  max_attempts BIGINT NOT NULL,
  context TEXT NOT NULL,
  auth_epoch BIGINT NOT NULL,
  created_at TIMESTAMP(6) NOT NULL,
  expires_at TIMESTAMP(6) NOT NULL,
  consumed_at TIMESTAMP(6)
);
CREATE UNIQUE INDEX IF NOT EXISTS sentri_flows_token_digest ON sentri_flows (token_digest);
CREATE INDEX IF NOT EXISTS sentri_flows_user_id ON sentri_flows (user_id);
CREATE INDEX IF NOT EXISTS sentri_flows_subject ON sentri_flows (subject);
CREATE INDEX IF NOT EXISTS sentri_flows_expires_at ON sentri_flows (expires_at);
