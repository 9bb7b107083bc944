import type { LoggedEvent } from "./dispatch.js";
import { SentriError } from "./errors.js";
import { MESSAGE_PATIENCE_MS, MESSAGE_PAUSES_MS } from "./generated/constants.js";
import { MAILBOX, type Mailbox } from "./mailbox.js";
import type { Message, MessageOptions, WaitUntil } from "./types.js";

/** The time between the answer and the call of `send`, in which the answer is written, in milliseconds. */
const LEAD = 50;
/** The longest time that `settle()` waits for calls, in milliseconds. Its caller may itself run within such a call. */
const TURN = 2_000;

/** The events of messages, and the way to the log. */
export interface Reports {
  event: (kind: string, channel: string, cause: string | undefined, requestId: string | undefined) => LoggedEvent[];
  log: (events: LoggedEvent[]) => void;
}

/**
 * Sends messages after the answer, so that the time of a mail server does not reveal whether an account exists.
 */
export class Outbox {
  private readonly open = new Set<Promise<void>>();
  private readonly calls = new Set<Promise<unknown>>();

  constructor(
    private readonly options: MessageOptions | "console" | undefined,
    private readonly reports: Reports,
    private readonly pauses: readonly number[] = MESSAGE_PAUSES_MS,
  ) {}

  /** Whether there are messages at all. */
  get isOn(): boolean {
    return this.options !== undefined && this.options !== null;
  }

  /** The mailbox of a test, if it takes the messages. */
  get mailbox(): Mailbox | undefined {
    return typeof this.options === "object" && this.options !== null && MAILBOX in this.options
      ? (this.options as unknown as Mailbox)
      : undefined;
  }

  /**
   * Starts to send messages. Only `drain()` waits for them, and a host that freezes after an answer waits for them by
   * its `waitUntil`.
   */
  post(messages: readonly Message[], waitUntil?: WaitUntil): void {
    const { mailbox } = this;
    for (const message of messages) {
      if (mailbox) {
        const cause = mailbox.take(message);
        this.tell(message, cause);
        continue;
      }
      const sending: Promise<void> = this.deliver(message)
        // A rejection that nobody handles would end the process.
        .catch(() => undefined)
        .finally(() => this.open.delete(sending));
      this.open.add(sending);
      this.hold(sending, waitUntil);
    }
  }

  /** Passes a sending to the host's `waitUntil`, by the request's own function if it has it. */
  private hold(sending: Promise<void>, waitUntil: WaitUntil | undefined): void {
    const own = typeof this.options === "object" ? this.options?.waitUntil : undefined;
    try {
      (waitUntil ?? own)?.(sending);
    } catch {
      // The answer is complete, so a host that accepts no promise any more must not turn it into an error.
    }
  }

  /** Resolves when no message is on its way any more. */
  async drain(): Promise<void> {
    while (this.open.size > 0) await Promise.all(this.open);
  }

  /** Notes a call that may post messages when it ends. */
  during<T>(call: Promise<T>): Promise<T> {
    if (!this.isOn || this.mailbox) return call;
    this.calls.add(call);
    const ended = () => void this.calls.delete(call);
    call.then(ended, ended);
    return call;
  }

  /** Resolves when calls have ended and no message is on its way any more. */
  async settle(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, TURN)));
    await Promise.race([Promise.allSettled(this.calls), late]);
    clearTimeout(timer);
    await this.drain();
  }

  private async deliver(message: Message): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, LEAD));
    for (let attempt = 0; ; attempt++) {
      try {
        await this.attempt(message);
        return this.tell(message, undefined);
      } catch (error) {
        const pause = this.pauses[attempt];
        if (pause === undefined) return this.tell(message, causeOf(error, message));
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  private async attempt(message: Message): Promise<void> {
    const { options } = this;
    if (options === "console") return print(message);
    if (typeof options !== "object") throw new SentriError("CONFIGURATION_ERROR", "messages.send is missing");
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("messages.send took more than 30 s")), MESSAGE_PATIENCE_MS);
    });
    try {
      await Promise.race([options.send(structuredClone(message), message.context), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  private tell({ kind, channel, context }: Message, cause: string | undefined): void {
    this.reports.log(this.reports.event(kind, channel, cause, context.requestId ?? undefined));
  }
}

/** The text of an error without address and secrets, which are never logged; providers repeat them in any spelling. */
function causeOf(error: unknown, { to, code, token, url }: Message): string {
  let words = wordsOf(error);
  for (const secret of [url, token, code, to]) if (secret) words = words.replace(anySpelling(secret), "..");
  return words;
}

/** Returns a thrown value as text. Objects without a prototype, or with getters that throw, can't be made a text. */
function wordsOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return "an error without words";
  }
}

/** Matches a text in upper and lower case, each of its characters as it is or percent-encoded (RFC 3986, 2.1). */
function anySpelling(text: string): RegExp {
  const spelt = Array.from(text, (character) => {
    const plain = character.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
    if (/[a-z0-9]/i.test(character)) return plain;
    const encoded = Buffer.from(character).toString("hex").replace(/../g, "%$&");
    return `(?:${encoded}|${plain})`;
  });
  return new RegExp(spelt.join(""), "giu");
}

/** Prints a message on standard error, while developing. */
export function print({ kind, to, code, url }: Message): void {
  const secrets = [code && `code ${code}`, url].filter(Boolean).join(", ");
  process.stderr.write(`sentri: message ${kind} to ${to}${secrets ? `: ${secrets}` : ""}\n`);
}
