import { AuthServer } from "../../server.js";
import type { ServerOptions } from "../../types.js";
import { explain } from "../exit.js";
import { describeReload, reload, settle, type Settled } from "../settle.js";
import type { Application } from "./application.js";
import type { Log } from "./log.js";
import type { senderOf } from "./messages.js";

/** The time that requests at the replaced server have to end, in milliseconds. */
const GRACE = 30_000;

/** Makes an auth server from options, with the log and the function that sends messages. */
export function makeServer(options: Record<string, unknown>, log: Log, send: Send | undefined): AuthServer {
  const messages = options.messages && send ? { messages: { ...(options.messages as object), send } } : {};
  const logger = log.writes("error") ? { logger: log } : {};
  return new AuthServer({ ...options, ...messages, ...logger } as unknown as ServerOptions);
}

type Send = ReturnType<typeof senderOf>;

/** At SIGHUP reads flags, environment and file again, and changes what can change. A mistake changes nothing. */
export function reloadAtSignal(
  flags: Record<string, string>,
  settled: Settled,
  application: Application,
  log: Log,
  send: Send | undefined,
): void {
  let inForce: Pick<Settled, "options" | "settings"> = settled;
  process.on("SIGHUP", () => {
    try {
      const after = settle(flags);
      const reloaded = reload(inForce, after);
      log.level = after.serve.logLevel;
      if (reloaded.renew) application.replace(makeServer(reloaded.options, log, send), GRACE);
      inForce = reloaded;
      console.error(describeReload(reloaded));
    } catch (error) {
      console.error(`reload: ${explain(error)}`);
    }
  });
}
