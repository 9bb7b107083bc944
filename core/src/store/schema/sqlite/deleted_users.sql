CREATE TABLE IF NOT EXISTS sentri_deleted_users (
  id TEXT NOT NULL PRIMARY KEY,
  expires_at TEXT NOT NULL
);
