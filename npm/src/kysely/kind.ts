/**
 * A Kysely dialect: `PostgresDialect`, `MysqlDialect`, `SqliteDialect`, or one of a third party for such a database.
 */
export interface KyselyDialect {
  /** Makes what speaks to the database. */
  createDriver(): object;
  /** Makes the adapter, whose class names the database. */
  createAdapter(): object;
}

/** A database that sentri knows how to speak to. */
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
 * By the names of the adapter's classes, since ours need not be the application's copy of Kysely; else by its
 * abilities.
 */
function detect(adapter: object): DialectKind | undefined {
  for (let proto = Object.getPrototypeOf(adapter); proto !== null; proto = Object.getPrototypeOf(proto)) {
    const kind = BY_NAME[proto.constructor?.name];
    if (kind !== undefined) return kind;
  }
  const { supportsCreateIfNotExists, supportsTransactionalDdl, supportsReturning } = adapter as Record<string, unknown>;
  // SQL Server's, which is not one of them.
  if (supportsCreateIfNotExists !== true) return undefined;
  if (supportsReturning === true) return supportsTransactionalDdl === true ? "postgres" : "sqlite";
  return supportsTransactionalDdl === false ? "mysql" : undefined;
}

/** A transaction of Kysely's, as `db.transaction().execute(async (trx) => ...)` gives it. */
export interface KyselyTransaction {
  readonly isTransaction: true;
  /** The executor of statements within the transaction. */
  getExecutor(): object;
}
