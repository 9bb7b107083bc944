/** TLS to a database. The server is verified unless `rejectUnauthorized` is false. */
export interface DatabaseTls {
  /** Whether the server must have a certificate for its name from a root that is trusted; `true` by default. */
  rejectUnauthorized?: boolean | undefined;
  /** The roots to trust instead of the system's: the text of a PEM file. */
  ca?: string | undefined;
  /** The client's own certificate, with its chain: the text of a PEM file. Needs `key`. */
  cert?: string | undefined;
  /** The private key of `cert`: the text of a PEM file. */
  key?: string | undefined;
}

/** The options that the forms of a database server share. */
export interface DatabasePool {
  /** The most connections; 10 by default. */
  max?: number | undefined;
  /** TLS. `true` verifies the server by the system's roots, `false` uses no TLS. */
  ssl?: boolean | DatabaseTls | undefined;
  /** The schema of the tables, for PostgreSQL only, also behind a pooler. It must exist. */
  schema?: string | undefined;
}

/** A database server by a URL, as in `db: { connectionString: process.env.DATABASE_URL! }`. */
export interface DatabaseByUrl extends DatabasePool {
  /** `postgres://user:password@host:5432/database` or `mysql://..`; several hosts with commas between them. */
  connectionString: string;
}

/** A database server by its parts, as in `db: { type: "mysql", host: "db", database: "app", user, password }`. */
export interface DatabaseByParts extends DatabasePool {
  /** The kind of database; `postgres` by default. */
  type?: "postgres" | "postgresql" | "mysql" | "mariadb" | undefined;
  /** A name, an address, or the folder of a Unix socket; with MySQL the socket itself. */
  host: string;
  /** 5432 or 3306 by default. */
  port?: number | undefined;
  /** The database on that server. */
  database?: string | undefined;
  /** The database user that sentri connects as. */
  user?: string | undefined;
  /** The password of `user`. */
  password?: string | undefined;
}

/** A database served by sentri's own drivers. */
export type DatabaseOptions = string | DatabaseByUrl | DatabaseByParts | { filename: string };

/** Options of `migrate()` and `ready()`. */
export interface StartOptions {
  /** The wait for a database that is starting: `"1m"`, a number of seconds, or 0 for one attempt. 30 s unless set. */
  wait?: string | number;
}
