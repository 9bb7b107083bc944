import { SentriError } from "./errors.js";
import type { DialectKind, KyselyDialect, KyselyTransaction } from "./kysely/kind.js";
import { Deadline, facts, run, runAll, type Batch, type Outcome, type Runner } from "./kysely/wire.js";

export type { DialectKind, KyselyDialect, KyselyTransaction } from "./kysely/kind.js";

interface Driver {
  init(): Promise<void>;
  acquireConnection(): Promise<Runner>;
  beginTransaction(connection: Runner, settings: { isolationLevel?: string }): Promise<void>;
  commitTransaction(connection: Runner): Promise<void>;
  rollbackTransaction(connection: Runner): Promise<void>;
  releaseConnection(connection: Runner): Promise<void>;
  destroy(): Promise<void>;
}

/** A text that wrong quoting or a narrow character set would change, and its bytes. */
const PROBE = { text: "\\\u{1F980}", bytes: "5CF09FA680" };

/** Runs the core's batches through the driver of a Kysely dialect: each on one connection, as one transaction. */
export class DialectDatabase {
  private driver: Driver | undefined;
  private ready: Promise<void> | undefined;
  private readonly proven = new WeakSet<object>();
  /** Whether the pool outlives `close()`. */
  keep = false;

  constructor(
    private readonly dialect: KyselyDialect,
    private readonly kind: DialectKind,
    private readonly transactions: Transactions = new Transactions(),
  ) {}

  /** Runs a batch. Batch and result are JSON text, as the core's `store::foreign` describes. Never rejects. */
  readonly run = async (text: string): Promise<string> => {
    let outcome: Outcome;
    try {
      const batch = JSON.parse(text) as Batch;
      outcome = batch.transaction === null ? await this.alone(batch) : await this.joined(batch, batch.transaction);
    } catch (error) {
      outcome = { failed: facts(error) };
    }
    return JSON.stringify(outcome);
  };

  /** Ends the pool, as Kysely's `destroy()` would. */
  readonly close = async (): Promise<string> => {
    if (this.ready !== undefined && !this.keep)
      await this.ready.then(() => this.driver?.destroy()).catch(() => undefined);
    return "";
  };

  private open(): Promise<Driver> {
    const driver = (this.driver ??= this.dialect.createDriver() as Driver);
    this.ready ??= (async () => driver.init())();
    return this.ready.then(
      () => driver,
      (error: unknown) => {
        this.ready = undefined;
        throw error;
      },
    );
  }

  private async alone(batch: Batch): Promise<Outcome> {
    const deadline = new Deadline(batch.limit);
    const driver = await this.open();
    const connection = await driver.acquireConnection();
    let sound = true;
    try {
      deadline.check();
      await this.prove(connection);
      // If the application has a transaction open on the same SQLite database object, its rollback would undo a single
      // write of ours too. So we begin a transaction, which SQLite then refuses.
      const alone = batch.reads || this.kind !== "sqlite";
      if (batch.plain && !batch.schema && alone) return await runAll(connection, batch.statements);
      const suspended = batch.schema && (await this.suspendForeignKeys(connection));
      try {
        const [outcome, clean] = await this.transact(driver, connection, batch, deadline);
        sound = clean;
        return outcome;
      } finally {
        if (suspended) await run(connection, "PRAGMA foreign_keys = ON");
        if (batch.cleanup !== null) await run(connection, batch.cleanup);
      }
    } finally {
      // A connection that may still be in a transaction is not released: no other query may get it.
      if (sound) await driver.releaseConnection(connection);
    }
  }

  /** Runs a transaction from its beginning to its end; returns whether the connection is still usable. */
  private async transact(
    driver: Driver,
    connection: Runner,
    batch: Batch,
    deadline: Deadline,
  ): Promise<[Outcome, boolean]> {
    let outcome: Outcome;
    let begun = this.kind !== "sqlite";
    try {
      await this.begin(driver, connection, batch);
      begun = true;
      outcome = await runAll(connection, batch.statements);
      // A change of the schema takes as long as its tables are large, and the core waits for it.
      if (!batch.schema) deadline.check();
      if ("done" in outcome) {
        await this.commit(driver, connection);
        return [outcome, true];
      }
    } catch (error) {
      outcome = { failed: facts(error) };
    }
    // If our transaction on SQLite did not begin, an open transaction is the application's, and is not rolled back.
    return [outcome, !begun || (await this.rollback(driver, connection))];
  }

  private async begin(driver: Driver, connection: Runner, batch: Batch): Promise<void> {
    // IMMEDIATE, since otherwise a transaction that reads first and writes later could find its snapshot outdated.
    if (this.kind === "sqlite") await run(connection, batch.reads ? "BEGIN" : "BEGIN IMMEDIATE");
    else await driver.beginTransaction(connection, { isolationLevel: "read committed" });
  }

  private async commit(driver: Driver, connection: Runner): Promise<void> {
    if (this.kind === "sqlite") await run(connection, "COMMIT");
    else await driver.commitTransaction(connection);
  }

  /** Rolls back. Returns whether the connection may be released: the transaction is gone, or the connection is lost. */
  private async rollback(driver: Driver, connection: Runner): Promise<boolean> {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      try {
        if (this.kind === "sqlite") await run(connection, "ROLLBACK");
        else await driver.rollbackTransaction(connection);
        return true;
      } catch (error) {
        // SQLite refuses when it has rolled back by itself.
        if (this.kind === "sqlite" || isLost(error)) return true;
      }
    }
    return false;
  }

  /**
   * Switches foreign keys off, since SQLite would cascade deletes while a table is rebuilt. Returns whether they were
   * on. The pragma works only outside of a transaction.
   */
  private async suspendForeignKeys(connection: Runner): Promise<boolean> {
    if (this.kind !== "sqlite") return false;
    const { rows } = await run(connection, "PRAGMA foreign_keys", [], true);
    if (Number(rows[0]?.[0]) !== 1) return false;
    await run(connection, "PRAGMA foreign_keys = OFF");
    return true;
  }

  /**
   * Checks once per connection that a text arrives as it was sent, under any `sql_mode` and character set: MySQL's
   * drivers write values into the statement by themselves.
   */
  private async prove(connection: Runner): Promise<void> {
    if (this.kind !== "mysql" || this.proven.has(connection)) return;
    const { rows } = await run(connection, "SELECT HEX(?) AS bytes", [PROBE.text], true);
    if (rows[0]?.[0] !== PROBE.bytes) {
      throw new TypeError(
        "texts do not arrive as they are sent: the pool's charset must be utf8mb4, sql_mode without " +
          "NO_BACKSLASH_ESCAPES",
      );
    }
    this.proven.add(connection);
  }

  /** Runs a batch in the caller's transaction. A refused change is undone to a savepoint; the transaction goes on. */
  private joined(batch: Batch, number: number): Promise<Outcome> {
    // No other statement may come between the savepoint and its end, since it could be undone together with ours.
    return this.transactions.get(number).provideConnection(async (connection) => {
      await this.prove(connection);
      if (batch.plain && batch.reads) return runAll(connection, batch.statements);
      const name = `sentri_${number}`;
      await run(connection, `SAVEPOINT ${name}`);
      let outcome: Outcome;
      try {
        outcome = await runAll(connection, batch.statements);
      } catch (error) {
        outcome = { failed: facts(error) };
      }
      try {
        if (!("done" in outcome)) await run(connection, `ROLLBACK TO SAVEPOINT ${name}`);
        await run(connection, `RELEASE SAVEPOINT ${name}`);
      } catch (error) {
        // The whole transaction is gone, by a deadlock or with its connection. The first error explains more.
        if (!("failed" in outcome)) throw error;
      }
      return outcome;
    });
  }
}

/** The object by which Kysely runs the queries of a transaction: one consumer of its connection after the other. */
interface Executor {
  provideConnection<T>(consumer: (connection: Runner) => Promise<T>): Promise<T>;
}

/** The caller's transactions in which calls run, by number. */
export class Transactions {
  private readonly open = new Map<number, Executor>();
  /** The last call of each transaction. */
  private readonly calls = new WeakMap<object, Promise<unknown>>();
  private last = 0;

  /** Runs a call within a transaction, after earlier calls, so that no call reads rows that another will change. */
  async within<T>(trx: unknown, call: (number: number) => Promise<T>): Promise<T> {
    const { isTransaction, getExecutor } = (
      typeof trx === "object" && trx !== null ? trx : {}
    ) as Partial<KyselyTransaction>;
    if (isTransaction !== true || typeof getExecutor !== "function") {
      throw new SentriError(
        "CONFIGURATION_ERROR",
        "trx must be a Kysely transaction: db.transaction().execute((trx) => ...)",
      );
    }
    const result = Promise.resolve(this.calls.get(trx as object)).then(() => this.next(trx as KyselyTransaction, call));
    this.calls.set(
      trx as object,
      result.catch(() => undefined),
    );
    return result;
  }

  private async next<T>(trx: KyselyTransaction, call: (number: number) => Promise<T>): Promise<T> {
    const number = (this.last = (this.last + 1) >>> 0);
    // Statements go to the connection and bypass the application's plugins, which may rename or parse columns.
    this.open.set(number, trx.getExecutor() as Executor);
    try {
      return await call(number);
    } finally {
      this.open.delete(number);
    }
  }

  /** The transaction of a call that is running. */
  get(number: number): Executor {
    const executor = this.open.get(number);
    if (executor === undefined) throw new TypeError("the call that brought this transaction has ended");
    return executor;
  }
}

/** Whether the connection is lost: the error is the driver's, not the database's, and is no timeout. */
function isLost(error: unknown): boolean {
  const { code, errno, message } = error as { code?: unknown; errno?: unknown; message?: unknown };
  const hasState = typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && code !== "EPIPE";
  const numbered = typeof errno === "number" && errno >= 1000;
  return !hasState && !numbered && !/time ?out/i.test(`${String(code)} ${String(message)}`);
}
