import { mountPath } from "../options.js";
import type { ServeOptions } from "../settle.js";
import type { Form, Level } from "./log.js";
import type { Ways } from "./messages.js";

/** The addresses at which a server is reached, and its logs. */
export interface Settings {
  host: string;
  port: number;
  /** The mount point, with a slash before and none after it; empty for the root. */
  mount: string;
  /** The path of a Unix socket, in place of host and port. */
  socket: string | undefined;
  /** The address as browsers know it, without a slash at its end. */
  publicUrl: string | undefined;
  setupToken: string | undefined;
  messages: Ways | undefined;
  tlsCert: string | undefined;
  tlsKey: string | undefined;
  metricsHost: string;
  metricsPort: number | undefined;
  /** Milliseconds between the signal to end and the last connection that is accepted. */
  drain: number;
  workers: number;
  log: Form;
  logLevel: Level;
  migrate: boolean;
  /** Seconds to wait for the database. */
  wait: number;
}

/** The settings from the options of the command. */
export function settingsOf(serve: ServeOptions): Settings {
  const { publicUrl, setupToken, messages, socket, tlsCert, tlsKey, metricsPort, ...others } = serve;
  const mount = mountPath(serve);
  const drain = serve.drain * 1_000;
  return { ...others, publicUrl, setupToken, messages, socket, tlsCert, tlsKey, metricsPort, mount, drain };
}
