/**
 * A Kysely dialect: `PostgresDialect`, `MysqlDialect`, `SqliteDialect`, or one of a third party for such a database.
 */
export interface KyselyDialect {
  /** Makes the driver, which speaks to the database. */
  createDriver(): object;
  /** Makes the adapter, whose class names the database. */
  createAdapter(): object;
}

/** A kind of database that sentri supports. */
export type DialectKind = "postgres" | "mysql" | "sqlite";

const BY_NAME: Record<string, DialectKind> = {
  PostgresAdapter: "postgres",
  MysqlAdapter: "mysql",
  SqliteAdapter: "sqlite",
};

/**
 * The option `dialect` as the core takes it: the database's name, `[dialect]` if the dialect does not name it, or a
 * description of another value.
 */
export function describeDialect(value: unknown): string {
  const { createDriver, createAdapter } = (
    typeof value === "object" && value !== null ? value : {}
  ) as Partial<KyselyDialect>;
  if (typeof createDriver !== "function" || typeof createAdapter !== "function") return `[${typeof value}]`;
  return detect((value as KyselyDialect).createAdapter()) ?? "[dialect]";
}

/**
 * Detects the database by the class names of the adapter, since `instanceof` would fail for another copy of Kysely; or
 * else by the adapter's abilities.
 */
function detect(adapter: object): DialectKind | undefined {
  for (let proto = Object.getPrototypeOf(adapter); proto !== null; proto = Object.getPrototypeOf(proto)) {
    const kind = BY_NAME[proto.constructor?.name];
    if (kind !== undefined) return kind;
  }
  const { supportsCreateIfNotExists, supportsTransactionalDdl, supportsReturning } = adapter as Record<string, unknown>;
  // This is an adapter for SQL Server, which is not supported.
  if (supportsCreateIfNotExists !== true) return undefined;
  if (supportsReturning === true) return supportsTransactionalDdl === true ? "postgres" : "sqlite";
  return supportsTransactionalDdl === false ? "mysql" : undefined;
}

/** A transaction of Kysely, as `db.transaction().execute(async (trx) => ...)` passes it. */
export interface KyselyTransaction {
  readonly isTransaction: true;
  /** The executor of statements within the transaction. */
  getExecutor(): object;
}
