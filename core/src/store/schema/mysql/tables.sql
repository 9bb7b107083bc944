CREATE TABLE IF NOT EXISTS sentri_users (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  password_hash VARCHAR(255) NOT NULL,
  roles TEXT NOT NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6),
  auth_epoch BIGINT NOT NULL DEFAULT 0
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS sentri_sessions (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  user_id VARCHAR(36) NOT NULL,
  expires_at DATETIME(6) NOT NULL,
  created_at DATETIME(6) NOT NULL,
  generation BIGINT NOT NULL DEFAULT 0,
  rotated_at DATETIME(6),
  last_used_at DATETIME(6),
  revoked_at DATETIME(6),
  ip_address VARCHAR(45),
  user_agent TEXT,
  KEY sentri_sessions_user_id (user_id),
  FOREIGN KEY (user_id) REFERENCES sentri_users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS sentri_identifiers (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  user_id VARCHAR(36) NOT NULL,
  type VARCHAR(64) NOT NULL,
  value TEXT NOT NULL,
  created_at DATETIME(6) NOT NULL,
  value_normalized VARBINARY(1100),
  KEY sentri_identifiers_user_id (user_id),
  FOREIGN KEY (user_id) REFERENCES sentri_users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS sentri_keys (
  kid VARCHAR(64) NOT NULL PRIMARY KEY,
  predecessor VARCHAR(64) NOT NULL UNIQUE,
  algorithm VARCHAR(16) NOT NULL,
  private_key TEXT NOT NULL,
  created_at DATETIME(6) NOT NULL,
  active_from DATETIME(6) NOT NULL,
  retired_at DATETIME(6)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
