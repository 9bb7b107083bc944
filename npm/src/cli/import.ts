import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { ImportFormat, ImportOptions, ImportProgress, ImportRefusal, ImportReport } from "../types.js";
import { suggest, type Flag } from "./arguments.js";
import { JSON_FLAG, caretaker, withServer, type Command } from "./command.js";
import { EXIT, UsageError } from "./exit.js";
import { userOptions } from "./file.js";
import { DATABASE, VALID_ROLES, words } from "./options.js";
import type { Result } from "./output.js";

const FORMATS: readonly ImportFormat[] = [
  "sentri",
  "better-auth",
  "supabase",
  "auth0",
  "firebase",
  "django",
  "keycloak",
];

/** The number of refusals that are printed; the report in a file holds all. */
const SHOWN = 20;

const FIREBASE: Record<string, Flag> = {
  "firebase-signer-key": {
    value: "text",
    help: "base64_signer_key of the project's password hash parameters",
    env: "FIREBASE_SIGNER_KEY",
  },
  "firebase-salt-separator": { value: "text", help: "base64_salt_separator of them", default: "Bw==" },
  "firebase-rounds": { value: "number", help: "rounds of them", default: "8" },
  "firebase-mem-cost": { value: "number", help: "mem_cost of them", default: "14" },
};

/** `sentri import`. */
export const importUsers: Command = {
  summary: "import users of another system with their password hashes, from lines of JSON; - reads standard input",
  words: ["file"],
  flags: {
    format: { value: FORMATS.join(" or "), help: "system that the users come from" },
    ...DATABASE,
    roles: { value: "list", help: "roles of users who bring none, separated by commas", repeats: true },
    ...VALID_ROLES,
    "allow-admin-roles": { help: "let users bring admin roles" },
    "drop-factors": {
      help: "leave second factors behind, instead of refusing users whose factors can't be carried over",
    },
    ...FIREBASE,
    "dry-run": { help: "read and judge everything, and write nothing" },
    report: { value: "path", help: "file to write every refused line to, as lines of JSON" },
    ids: { value: "path", help: "file to write the id there and the id here of every user to, as lines of JSON" },
    ...JSON_FLAG,
  },
  async run(values, [path]) {
    const options = optionsOf(values);
    // `--roles` are the roles of a user; the server needs all roles that exist.
    const ofServer = { ...values, roles: values["valid-roles"]! };
    const source = await sourceOf(path!);
    const [refusals, ids] = [await writer(values.report), await writer(values.ids)];
    const progress = new Progress();
    try {
      return await withServer({ ...caretaker(ofServer), ...userOptions(values) }, async (auth) => {
        await auth.ready({ wait: 0 });
        const report = await auth.importUsers(source, {
          ...options,
          onProgress: (now) => progress.show(now),
          ...(refusals && { onRefused: (refusal) => refusals.write(refusal) }),
          ...(ids && { onUser: (user) => ids.write(user) }),
        });
        return resultOf(report, values);
      });
    } finally {
      progress.end();
      source.destroy();
      await refusals?.end();
      await ids?.end();
    }
  },
};

function optionsOf(values: Record<string, string>): ImportOptions {
  const format = FORMATS.find((one) => one === values.format);
  if (!format) {
    const near = values.format ? suggest(values.format, FORMATS, "") : "";
    throw new UsageError(`--format must be one of: ${FORMATS.join(", ")}${near}`);
  }
  return {
    format,
    ...(values.roles === undefined ? {} : { roles: words(values.roles) }),
    allowAdminRoles: values["allow-admin-roles"] !== undefined,
    dropFactors: values["drop-factors"] !== undefined,
    dryRun: values["dry-run"] !== undefined,
    ...(format === "firebase" ? { firebase: firebaseOf(values) } : {}),
  };
}

function firebaseOf(values: Record<string, string>): NonNullable<ImportOptions["firebase"]> {
  const signerKey = values["firebase-signer-key"];
  if (!signerKey)
    throw new UsageError(
      "--firebase-signer-key is missing: the console of Firebase shows it with the other parameters",
    );
  const number = (name: string): number => {
    if (!/^\d{1,2}$/.test(values[name]!)) throw new UsageError(`--${name} must be a number, not ${values[name]}`);
    return Number(values[name]);
  };
  return {
    signerKey,
    saltSeparator: values["firebase-salt-separator"]!,
    rounds: number("firebase-rounds"),
    memCost: number("firebase-mem-cost"),
  };
}

/** Opens a file at once, so that a wrong path is reported first. Returns its bytes. */
async function sourceOf(path: string): Promise<AsyncIterable<Uint8Array> & { destroy(): void }> {
  if (path === "-") return process.stdin;
  const file = await opened(path, "r", "read");
  return createReadStream("", { fd: file });
}

/** Opens a file. Only its owner can read a file that is opened to be written, from the first moment on. */
async function opened(path: string, mode: "r" | "w", verb: string): ReturnType<typeof open> {
  try {
    const file = await open(path, mode, 0o600);
    // A file that exists already keeps its mode otherwise.
    if (mode === "w") await file.chmod(0o600);
    if (mode === "r" && (await file.stat()).isDirectory()) throw new Error("EISDIR: is a directory, read");
    return file;
  } catch (error) {
    const reason = /^\w+: (.*?),/.exec((error as Error).message)?.[1] ?? "unknown reason";
    throw new UsageError(`${path} can't be ${verb}: ${reason}`);
  }
}

/** Writes lines of JSON to a file that only its owner reads. */
async function writer(path?: string): Promise<{ write(value: object): void; end(): Promise<void> } | undefined> {
  if (path === undefined) return undefined;
  const stream = (await opened(path, "w", "written")).createWriteStream();
  return {
    write: (value) => void stream.write(`${JSON.stringify(value)}\n`),
    end: () => new Promise((resolve) => stream.end(() => resolve())),
  };
}

/** A progress line on standard error: rewritten in place at a terminal, else a new line every ten seconds. */
class Progress {
  private shown = 0;
  private isOpen = false;

  show({ lines, imported, present, refused, seconds }: ImportProgress): void {
    const { stderr } = process;
    if (seconds - this.shown < (stderr.isTTY ? 0.2 : 10)) return;
    this.shown = seconds;
    const rate = Math.round(lines / Math.max(seconds, 0.001));
    const line = `${lines} lines, ${imported} imported, ${present} there before, ${refused} refused, ${rate} a second`;
    stderr.write(stderr.isTTY ? `\r\u001b[K${line}` : `${line}\n`);
    this.isOpen = stderr.isTTY;
  }

  end(): void {
    if (this.isOpen) process.stderr.write("\r\u001b[K");
  }
}

function resultOf(report: ImportReport, values: Record<string, string>): Result {
  const dryRun = values["dry-run"] !== undefined;
  const { lines, imported, present, refused, refusals } = report;
  const done = dryRun ? "would import" : "imported";
  const shown = refusals.slice(0, SHOWN).map(reasonOf);
  const more = refused - shown.length;
  return {
    value: { dryRun, ...report },
    lines: [
      `${done} ${imported} of ${lines} lines, ${present} were there before, ${refused} refused`,
      ...shown,
      ...(more > 0 ? [`and ${more} more, all of which --report writes to a file`] : []),
    ],
    exitCode: refused > 0 ? EXIT.failed : EXIT.done,
  };
}

function reasonOf({ line, code, message }: ImportRefusal): string {
  return `line ${line}: ${code}: ${message}`;
}
