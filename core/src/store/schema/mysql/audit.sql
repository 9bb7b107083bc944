CREATE TABLE IF NOT EXISTS sentri_audit (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  created_at DATETIME(6) NOT NULL,
  event VARCHAR(64) NOT NULL,
  actor VARCHAR(255),
  subject VARCHAR(255),
  session_id VARCHAR(255),
  ip VARCHAR(255),
  request_id VARCHAR(255),
  fields TEXT NOT NULL,
  KEY sentri_audit_created_at (created_at, id),
  KEY sentri_audit_subject (subject, created_at),
  KEY sentri_audit_event (event, created_at),
  KEY sentri_audit_actor (actor)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
