import {
  MAX_IMPORT_CHARACTERS,
  MAX_IMPORT_LINE,
  MAX_IMPORT_LINES,
  MAX_IMPORT_REFUSALS,
} from "./generated/constants.js";
import type {
  ImportedUser,
  ImportOptions,
  ImportProgress,
  ImportRefusal,
  ImportReport,
  ImportSource,
} from "./types-import.js";

/** The result of a call, for a batch of lines. */
export interface ImportBatch {
  imported: number;
  present: number;
  refused: ImportRefusal[];
  ids?: ImportedUser[];
}

/** A line for the core: its text, or the reason why it could not be read. */
type Line = string | { unread: "length" | "encoding" };

const LINE_FEED = 10;

/** Splits the pieces of a file into lines. Drops the parts of a line that is too long as they come. */
class Splitter {
  private readonly kept: Uint8Array[] = [];
  private length = 0;

  *take(piece: Uint8Array): Generator<Line> {
    for (let start = 0; ; ) {
      const end = piece.indexOf(LINE_FEED, start);
      if (end < 0) return this.keep(piece.subarray(start));
      this.keep(piece.subarray(start, end));
      yield this.end();
      start = end + 1;
    }
  }

  /** Returns the last line, if no line feed ended it. */
  *rest(): Generator<Line> {
    if (this.length > 0) yield this.end();
  }

  private keep(part: Uint8Array): void {
    this.length += part.length;
    // The part is copied, since the source may reuse its buffer.
    if (this.length <= MAX_IMPORT_LINE) this.kept.push(Uint8Array.from(part));
    else this.kept.length = 0;
  }

  private end(): Line {
    const tooLong = this.length > MAX_IMPORT_LINE;
    const bytes = Buffer.concat(this.kept);
    [this.kept.length, this.length] = [0, 0];
    return tooLong ? { unread: "length" } : decoded(bytes);
  }
}

function decoded(bytes: Uint8Array): Line {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return { unread: "encoding" };
  }
}

/** The line of a text, or of a record. */
function lineOf(item: string | object): Line {
  const text = typeof item === "string" ? item : JSON.stringify(item);
  if (text.length > MAX_IMPORT_LINE) return { unread: "length" };
  return /\p{Surrogate}/u.test(text) ? { unread: "encoding" } : text;
}

async function* linesOf(source: ImportSource): AsyncGenerator<Line> {
  const splitter = new Splitter();
  for await (const item of source) {
    if (item instanceof Uint8Array) yield* splitter.take(item);
    else yield lineOf(item);
  }
  yield* splitter.rest();
}

async function* batchesOf(source: ImportSource): AsyncGenerator<Line[]> {
  let [batch, characters]: [Line[], number] = [[], 0];
  for await (const line of linesOf(source)) {
    batch.push(line);
    characters += typeof line === "string" ? line.length : 0;
    if (batch.length < MAX_IMPORT_LINES && characters < MAX_IMPORT_CHARACTERS) continue;
    yield batch;
    [batch, characters] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}

/** Passes lines on to the core, in batches one after the other, and adds up the results. */
export async function importLines(
  source: ImportSource,
  { onProgress, onRefused, onUser, ...options }: ImportOptions,
  call: (input: object) => Promise<ImportBatch>,
): Promise<ImportReport> {
  const report: ImportReport = { lines: 0, imported: 0, present: 0, refused: 0, refusals: [] };
  const started = performance.now();
  for await (const lines of batchesOf(source)) {
    const batch = await call({ ...options, ids: onUser !== undefined, first: report.lines + 1, lines });
    report.lines += lines.length;
    report.imported += batch.imported;
    report.present += batch.present;
    report.refused += batch.refused.length;
    report.refusals.push(...batch.refused.slice(0, MAX_IMPORT_REFUSALS - report.refusals.length));
    for (const refusal of batch.refused) onRefused?.(refusal);
    for (const user of batch.ids ?? []) onUser?.(user);
    const { refusals: _, ...counts } = report;
    onProgress?.({ ...counts, seconds: (performance.now() - started) / 1000 } satisfies ImportProgress);
  }
  return report;
}
