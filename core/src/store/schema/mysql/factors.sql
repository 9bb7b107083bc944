CREATE TABLE IF NOT EXISTS sentri_factors (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  user_id VARCHAR(36) NOT NULL,
  kind VARCHAR(16) NOT NULL,
  label TEXT,
  secret TEXT NOT NULL,
  last_step BIGINT NOT NULL,
  created_at DATETIME(6) NOT NULL,
  confirmed_at DATETIME(6),
  last_used_at DATETIME(6),
  KEY sentri_factors_user_id (user_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS sentri_recovery_codes (
  user_id VARCHAR(36) NOT NULL,
  digest VARCHAR(64) NOT NULL,
  created_at DATETIME(6) NOT NULL,
  PRIMARY KEY (user_id, digest)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS sentri_factor_attempts (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  user_id VARCHAR(36) NOT NULL,
  kind VARCHAR(16) NOT NULL,
  created_at DATETIME(6) NOT NULL,
  is_past BIGINT NOT NULL,
  KEY sentri_factor_attempts_user_id (user_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
