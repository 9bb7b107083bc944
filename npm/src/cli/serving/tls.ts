import { readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { CommandFailure } from "../exit.js";
import type { Log } from "./log.js";

/** The interval at which the files are checked for changes, in milliseconds. */
const INTERVAL = 1_000;

/** A certificate chain and its private key (PEM). */
export interface Pair {
  cert: Buffer;
  key: Buffer;
}

/** A certificate and its key, by their files. */
export class Certificate {
  /** The last pair of files that could be used. */
  pair: Pair;
  private seen: string;

  constructor(
    private readonly cert: string,
    private readonly key: string = cert,
  ) {
    this.seen = this.looks();
    try {
      this.pair = this.read();
    } catch (error) {
      throw new CommandFailure("CANNOT_LISTEN", `certificate ${cert} and key ${key}: ${reason(error)}`);
    }
  }

  /** Passes on each new pair of files. Unusable files are logged, and the old pair stays. */
  follow(log: Log, take: (pair: Pair) => void): NodeJS.Timeout {
    return setInterval(() => {
      const looks = this.looks();
      if (looks === this.seen) return;
      this.seen = looks;
      try {
        take((this.pair = this.read()));
        log.info({ event: "tls.reloaded" });
      } catch (error) {
        log.error({ event: "tls.failure", cause: `${this.cert}: ${reason(error)}` });
      }
    }, INTERVAL);
  }

  private read(): Pair {
    const pair = { cert: readFileSync(this.cert), key: readFileSync(this.key) };
    createSecureContext(pair);
    return pair;
  }

  /** A text that changes when a file is written or replaced. */
  private looks(): string {
    return [this.cert, this.key]
      .map((path) => {
        const known = statSync(path, { bigint: true, throwIfNoEntry: false });
        return known ? `${known.mtimeNs} ${known.size} ${known.ino}` : "";
      })
      .join();
  }
}

function reason(error: unknown): string {
  const { syscall, code, message } = error as NodeJS.ErrnoException;
  if (syscall === undefined) return "they are no certificate and key (PEM) that belong together";
  return code === "ENOENT" ? "no such file or directory" : code === "EACCES" ? "permission denied" : message;
}
