/** A statement of a batch; see the core's `store::foreign`. */
export interface Statement {
  sql: string;
  params: Array<string | number | null>;
  expect: number | null;
  returns: boolean;
}

/** Statements of which all are done, or none. */
export interface Batch {
  limit: number;
  plain: boolean;
  reads: boolean;
  schema: boolean;
  transaction: number | null;
  cleanup: string | null;
  statements: Statement[];
}

/** The result of a statement. */
export interface Answer {
  count: number;
  rows: unknown[][];
}

/** The result of a batch. */
export type Outcome = { done: Answer[] } | { unmet: number } | { failed: object };

/** A query in the form that Kysely's drivers take. */
export interface Query {
  sql: string;
  parameters: readonly unknown[];
  query: object;
  queryId: { queryId: string };
}

/** An object that runs queries: a connection of a driver, or a transaction. */
export interface Runner {
  executeQuery(query: Query): Promise<{ rows?: object[]; numAffectedRows?: bigint | undefined }>;
}

/** Runs one statement. */
export async function run(
  runner: Runner,
  sql: string,
  parameters: readonly unknown[] = [],
  returns = false,
): Promise<Answer> {
  // Some drivers ask the kind of the root node whether there are rows to fetch.
  const query = returns ? { kind: "SelectQueryNode" } : { kind: "RawNode", sqlFragments: [sql], parameters: [] };
  const result = await runner.executeQuery({ sql, parameters, query, queryId: { queryId: "sentri" } });
  if (!returns) return { count: Number(result.numAffectedRows ?? 0), rows: [] };
  const rows = (result.rows ?? []).map((row) => Object.values(row).map(column));
  return { count: rows.length, rows };
}

/** Runs statements until one misses its expectation. */
export async function runAll(
  runner: Runner,
  statements: readonly Statement[],
): Promise<{ done: Answer[] } | { unmet: number }> {
  const done: Answer[] = [];
  for (const [index, { sql, params, expect, returns }] of statements.entries()) {
    const answer = await run(runner, sql, params, returns);
    if (expect !== null && answer.count !== expect) return { unmet: index };
    done.push(answer);
  }
  return { done };
}

/** Returns a column as a JSON value, whatever type the driver or a parser of the application has made of it. */
function column(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (typeof value === "object" && value !== null) return JSON.stringify(value);
  return value ?? null;
}

/** Returns the facts of an error, by which the core classifies it. */
export function facts(error: unknown): object {
  const { name, code, errcode, errno, sqlState, constraint, sqlMessage, message } = (
    typeof error === "object" && error !== null ? error : { message: String(error) }
  ) as Record<string, unknown>;
  const number = [errcode, errno].find((value) => typeof value === "number");
  return { name, code, number, state: sqlState, constraint, message: String(sqlMessage ?? message ?? "") };
}

/** The time by which work must end, or else be undone. */
export class Deadline {
  private readonly end: number;

  /** `limit` is the time from now, in milliseconds. 0 means no limit. */
  constructor(limit: number) {
    this.end = limit > 0 ? performance.now() + limit : Infinity;
  }

  /** Throws if the time is over: the core has answered already, so the work must have no effect any more. */
  check(): void {
    if (performance.now() >= this.end) {
      throw Object.assign(new Error("the database did not answer in time"), { code: "LATE" });
    }
  }
}
