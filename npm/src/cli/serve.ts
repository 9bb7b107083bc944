import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { relative, sep } from "node:path";
import { one, readRequest, writeResponse, type Told } from "../adapters/node.js";
import { requestIdOf } from "../context.js";
import { SENTRI_ROUTES } from "../generated/routes.js";
import { AuthServer } from "../server.js";
import type { ServerOptions } from "../types.js";
import type { Flag } from "./arguments.js";
import { CommandFailure, UsageError } from "./exit.js";
import { MOUNT, PROXY, SERVER, WAIT, mountPath, printable, serverOptions, trustProxyOf } from "./options.js";

export const flags: Record<string, Flag> = {
  port: { value: "number", help: "0 takes a free one", env: "PORT", default: "3000" },
  host: { value: "address", help: "0.0.0.0 listens to everybody", env: "HOST", default: "127.0.0.1" },
  mount: MOUNT,
  ...SERVER,
  ...WAIT,
  ...PROXY,
  "known-devices": {
    value: "on or off",
    help: "whether a login makes its browser known, so that strangers who lock an account out do not reach it",
    env: "SENTRI_KNOWN_DEVICES",
    default: "on",
  },
  "host-cookies": {
    value: "on or off",
    help: "whether cookies are named __Host-, so that no other host of the domain can set them; needs https; on in production",
    env: "SENTRI_HOST_COOKIES",
  },
  log: { help: "write auth events to standard output, a JSON object a line" },
};

export const summary = "start an auth server of its own";

/** Serves until SIGINT or SIGTERM. */
export async function run(values: Record<string, string>): Promise<void> {
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UsageError(`--port must be from 0 to 65535, not ${values.port}`);
  const mount = mountPath(values);
  const trustProxy = trustProxyOf(values);
  const options: Record<string, unknown> = { ...serverOptions(values), knownDevices: isOn(values, "known-devices") };
  if (isOn(values, "host-cookies") ?? process.env.NODE_ENV === "production") options.cookie = { prefix: "__Host-" };
  const line = (entry: Record<string, unknown>) => void process.stdout.write(`${JSON.stringify(entry)}\n`);
  const logger = { info: line, warn: line, error: line };
  const auth = new AuthServer({
    ...options,
    ...(trustProxy ? { trustProxy } : {}),
    ...(values.log ? { logger } : {}),
  } as unknown as ServerOptions);
  await auth.migrate({ wait: values.wait! });

  const server = createServer((req, res) => {
    const url = req.url ?? "/";
    const below =
      url === mount || url.startsWith(`${mount}/`) || mount === "" ? url.slice(mount.length) || "/" : undefined;
    const request =
      below === undefined ? Promise.reject({ statusCode: 404 }) : readRequest(req, told(auth, req, below));
    request
      .then((read) => auth.handle(read))
      .catch((error: unknown) => auth.errorResponse(error))
      .then((response) => writeResponse(req, res, response))
      .catch(() => res.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      void auth.close().then(() => reject(new CommandFailure("CANNOT_LISTEN", whyNot(error, port, values.host!))));
    });
    server.listen(port, values.host, resolve);
  });
  const { port: actual } = server.address() as AddressInfo;
  announce(`http://${authority(values.host!)}:${actual}${mount}`, String(options.db), values);

  await new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  console.log("\nstopping");
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 5_000).unref();
  });
  await auth.close();
}

/** The value of a flag that is on or off. */
function isOn(values: Record<string, string>, flag: string): boolean | undefined {
  const value = values[flag];
  if (value !== undefined && value !== "on" && value !== "off")
    throw new UsageError(`--${flag} must be on or off, not ${value}`);
  return value === undefined ? undefined : value === "on";
}

/** The host as URLs have it: an IPv6 address stands in brackets (RFC 3986, 3.2.2). */
function authority(host: string): string {
  if (host === "0.0.0.0") return "localhost";
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

/** The reason why it can't listen, with the cure. */
function whyNot({ code, message }: NodeJS.ErrnoException, port: number, host: string): string {
  switch (code) {
    case "EADDRINUSE":
      return `port ${port} is in use: choose another with --port`;
    case "EACCES":
      return `port ${port} may not be opened by this user: choose one above 1023 with --port`;
    case "EADDRNOTAVAIL":
      return `${host} is no address of this machine: choose another with --host, such as 127.0.0.1 or 0.0.0.0`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `${host} is an unknown host: choose another with --host, such as 127.0.0.1 or 0.0.0.0`;
    default:
      return `cannot listen on ${host}, port ${port}: ${message}`;
  }
}

/** The command line of this program, so that what is printed can be typed. */
function command(): string {
  const script = process.argv[1] ?? "sentri";
  return script.includes(`${sep}node_modules${sep}`) || !script.endsWith(".js")
    ? "npx sentri"
    : `node ${relative(process.cwd(), script)}`;
}

function told(auth: AuthServer, req: IncomingMessage, url: string): Told {
  const clientIp = auth.clientAddress(req.socket.remoteAddress, one(req.headers["x-forwarded-for"]));
  return { url, fullUrl: req.url ?? "/", clientIp, requestId: requestIdOf([], one(req.headers["x-request-id"])) };
}

function announce(base: string, db: string, values: Record<string, string>): void {
  const memory = db.includes(":memory:");
  const width = Math.max(...SENTRI_ROUTES.map((route) => route.method.length + route.path.length)) + 2;
  const rows = SENTRI_ROUTES.map(({ method, path, access }) => {
    const needs = { public: "", user: "access token", admin: "admin role or X-Api-Key" }[access];
    return `  ${`${method} ${path}`.padEnd(width)} ${needs}`.trimEnd();
  });
  const key = values["api-key"] ? '    -H "x-api-key: $SENTRI_API_KEY" \\\n' : "";
  const admin = `${command()} create-user --identifier username:root --roles admin --db '${printable(db)}'`;
  const last = memory ? "All of it is in memory: nothing is left when it stops." : `The first admin: ${admin}`;
  console.log(`sentri is at ${base}\ndatabase     ${printable(db)}\n\n${rows.join("\n")}\n\nTry:
  curl -s ${base}/register -H 'content-type: application/json' \\
${key}    -d '{"identifiers":[{"type":"username","value":"rizz"}],"password":"correct horse"}'
  curl -s ${base}/login -H 'content-type: application/json' -d '{"identifier":"rizz","password":"correct horse"}'

${last}
Ctrl-C stops it.`);
}
