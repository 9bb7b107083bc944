import type { Message, MessageOptions } from "./types.js";

export const MAILBOX = Symbol.for("sentri.testMailbox");

/** The messages of a test. For tests; see `sentri/testing`. */
export interface Mailbox extends MessageOptions {
  /** The last message to an address, if any. */
  last(to: string): Message | undefined;
  /** The code of the last message to an address. Throws where there is none. */
  code(to: string): string;
  /** All messages, oldest first. */
  all(): Message[];
  /** Forgets all messages. */
  clear(): void;
  /** Refuses messages from now on, for this cause, as a mail server may. Without a cause it takes messages again. */
  refuse(cause?: string): void;
  /** Takes a message; returns the cause of a refusal. */
  take(message: Message): string | undefined;
}

/** Makes an empty mailbox. */
export function makeMailbox(options: Omit<MessageOptions, "send">): Mailbox {
  let messages: Message[] = [];
  let refusal: string | undefined;
  const last = (to: string) => messages.filter((message) => message.to === to).at(-1);
  const take = (message: Message) => {
    if (refusal === undefined) messages.push(message);
    return refusal;
  };
  const hidden = {
    last,
    take,
    code(to: string) {
      const code = last(to)?.code;
      if (code === undefined) throw new Error(`no message with a code went to ${to}`);
      return code;
    },
    all: () => [...messages],
    clear: () => void (messages = []),
    refuse: (cause?: string) => void (refusal = cause),
  };
  const mailbox = { ...options, send: (message: Message) => void take(message) };
  // These members are not enumerable, since the core reads the mailbox as options.
  for (const [name, value] of [...Object.entries(hidden), [MAILBOX, true] as const]) {
    Object.defineProperty(mailbox, name, { value, enumerable: false });
  }
  return mailbox as unknown as Mailbox;
}
