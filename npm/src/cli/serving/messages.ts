import { createRequire } from "node:module";
import { Socket } from "node:net";
import { join } from "node:path";
import { loadNative } from "../../loader.js";
import { print } from "../../outbox.js";
import type { Message } from "../../types.js";
import { CommandFailure } from "../exit.js";

/** The time for each step of the connection to a mail server, in milliseconds. */
const STEP = 10_000;
/** The time for an attempt, in milliseconds: less than the outbox waits before it begins the next attempt. */
const ATTEMPT = 25_000;

/** The ways by which messages are sent, as the core settles them. */
export interface Ways {
  console?: true;
  smtp?: {
    host: string;
    port: number;
    tls: "implicit" | "required" | "off";
    user?: string;
    password?: string;
  };
  webhook?: object;
}

/** A message in the form that goes out. */
interface Composed {
  error?: string;
  smtp?: { from: { name: string; address: string }; to: string; subject: string; text: string; messageId: string };
  webhook?: { url: string; headers: [string, string][]; body: string };
}

type Mail = NonNullable<Composed["smtp"]>;

/** Hands nodemailer a connection, or the error that it failed with. */
type Connected = (error: Error | null, made?: { connection: Socket }) => void;

/** The part of nodemailer that is used here. */
interface Nodemailer {
  createTransport(options: object): { sendMail(mail: object): Promise<unknown> };
}

/**
 * The function that sends messages.
 *
 * @throws CommandFailure where nodemailer is needed and missing
 */
export function senderOf(ways: Ways | undefined): ((message: Message) => Promise<void>) | undefined {
  if (ways === undefined) return undefined;
  if (ways.console) return async (message) => print(message);
  const sendMail = ways.smtp && mailerOf(ways.smtp);
  return async (message) => {
    const given = JSON.stringify({ ways, message, now: Date.now() });
    const { error, smtp, webhook } = JSON.parse(loadNative().composeMessage(given)) as Composed;
    if (error !== undefined) throw new Error(error);
    if (smtp && sendMail) await sendMail(smtp);
    if (webhook) await post(webhook);
  };
}

function mailerOf({ host, port, tls, user, password }: NonNullable<Ways["smtp"]>): (mail: Mail) => Promise<void> {
  const nodemailer = loadNodemailer();
  return async ({ from, to, subject, text, messageId }) => {
    const socket = new Socket();
    const transport = nodemailer.createTransport({
      host,
      port,
      secure: tls === "implicit",
      requireTLS: tls === "required",
      ignoreTLS: tls === "off",
      ...(user === undefined ? {} : { auth: { user, pass: password } }),
      connectionTimeout: STEP,
      greetingTimeout: STEP,
      socketTimeout: STEP,
      disableFileAccess: true,
      disableUrlAccess: true,
      getSocket: (_: unknown, done: Connected) => connect(socket, host, port, done),
    });
    const sending = transport.sendMail({
      // Objects, since a text may be read as a list of addresses.
      from,
      to: { name: "", address: to },
      envelope: { from: from.address, to: [to] },
      subject,
      text,
      messageId,
      headers: { "Auto-Submitted": "auto-generated" },
    });
    await within(sending, socket);
  };
}

/** Connects our own socket, because nodemailer's can't be closed while a server is slow. */
function connect(socket: Socket, host: string, port: number, done: Connected): void {
  socket.setTimeout(STEP, () => socket.destroy(new Error("the mail server does not answer")));
  socket.once("error", done);
  socket.connect({ host, port }, () => {
    socket.off("error", done);
    done(null, { connection: socket });
  });
}

/** Waits for a mail, and closes the connection when it takes too long, so that nothing is delivered later. */
async function within(sending: Promise<unknown>, socket: Socket): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the mail server took more than ${ATTEMPT / 1000} s`)), ATTEMPT);
  });
  // Between two owners the socket has no other listener.
  socket.on("error", () => undefined);
  try {
    await Promise.race([sending, late]);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Loads nodemailer from beside this package, or from the folder that the command runs in. */
function loadNodemailer(): Nodemailer {
  for (const load of [require, createRequire(join(process.cwd(), "sentri.js"))]) {
    try {
      return load("nodemailer") as Nodemailer;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  throw new CommandFailure(
    "CANNOT_SERVE",
    "smtp needs nodemailer, which is not installed. Cure: npm install nodemailer, or messagesWebhook instead",
  );
}

/** Posts to the webhook. A redirect counts as a failure, since its target would get the secrets of the message. */
async function post({ url, headers, body }: NonNullable<Composed["webhook"]>): Promise<void> {
  const signal = AbortSignal.timeout(ATTEMPT);
  const response = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal }).catch(
    (error: Error & { cause?: { code?: string } }) => {
      throw new Error(`the webhook can't be reached: ${error.cause?.code ?? error.message}`);
    },
  );
  await response.body?.cancel();
  if (!response.ok) throw new Error(`the webhook answered ${response.status}`);
}
