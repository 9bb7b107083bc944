import { lstatSync, unlinkSync } from "node:fs";
import * as net from "node:net";
import { connect, createServer, type ListenOptions, type Server } from "node:net";
import { getSystemErrorName } from "node:util";
import { CommandFailure } from "../exit.js";
import type { Settings } from "./settings.js";

/** The number of connections that may wait to be accepted. */
const BACKLOG = 2_048;

/** The first descriptor that systemd hands over (sd_listen_fds(3)). */
const FIRST_HANDED_OVER = 3;

/** A place to listen at. */
export type Place = ListenOptions & { fd?: number };

/** The address that a server is bound to. */
export type Bound = ReturnType<Server["address"]>;

/**
 * A socket of this process that others may accept from: the handle that Node itself shares among the workers of a
 * cluster.
 */
export interface Handle {
  close(): void;
}

/** Opens a socket that this process holds and never accepts from. Returns it with the address that it is bound to. */
export async function hold(place: Place): Promise<{ socket: Handle; bound: Bound }> {
  const { _createServerHandle: open } = net as unknown as { _createServerHandle?: Open };
  if (typeof open !== "function")
    throw new CommandFailure("CANNOT_LISTEN", "this runtime can't share a socket among workers: use --workers 1");
  // A server reports errors in full and resolves host and port. Then the socket is opened at the resolved address.
  const trial = createServer();
  let bound: Bound = null;
  if (place.fd === undefined) {
    await listenAt(trial, place);
    bound = trial.address();
    await new Promise((resolve) => trial.close(resolve));
  }
  const socket = (() => {
    if (place.fd !== undefined) return open(null, null, -1, place.fd);
    if (typeof bound === "string") return open(bound, -1, -1);
    return open(bound!.address, bound!.port, bound!.family === "IPv6" ? 6 : 4);
  })();
  if (typeof socket === "number")
    throw new CommandFailure("CANNOT_LISTEN", `cannot listen: ${getSystemErrorName(socket)}`);
  return { socket, bound: bound ?? boundOf(socket) };
}

type Open = (address: string | null, port: number | null, family: number, fd?: number) => number | (Handle & HasName);
interface HasName {
  getsockname?(into: object): number;
}

function boundOf(socket: HasName): Bound {
  const found = {} as net.AddressInfo;
  return socket.getsockname?.(found) === 0 ? found : null;
}

/** The place that the settings name; a socket that systemd hands over takes precedence over path, host and port. */
export async function placeOf({ host, port, socket }: Settings): Promise<Place> {
  const fd = handedOver();
  if (fd !== undefined) return { fd };
  if (socket === undefined) return { host, port, backlog: BACKLOG };
  if (await isLeftOver(socket)) unlinkSync(socket);
  return { path: socket, backlog: BACKLOG };
}

/** The socket of socket activation, which is meant for the process that `LISTEN_PID` names. */
function handedOver(): number | undefined {
  const { LISTEN_PID, LISTEN_FDS = "0" } = process.env;
  if (LISTEN_PID !== String(process.pid)) return undefined;
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete process.env[name];
  if (Number(LISTEN_FDS) > 1)
    throw new CommandFailure("CANNOT_LISTEN", `systemd hands over ${LISTEN_FDS} sockets: give it one ListenStream`);
  return Number(LISTEN_FDS) === 1 ? FIRST_HANDED_OVER : undefined;
}

/** Whether the path is a socket without a listener. A file of another kind stays. */
async function isLeftOver(path: string): Promise<boolean> {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return false;
  return new Promise((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(false);
    });
    probe.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code === "ECONNREFUSED"));
  });
}

/** Listens at a place, or fails as `CANNOT_LISTEN` with the cure. The error calls port and host by `names`. */
export async function listenAt(
  server: Pick<Server, "listen" | "once" | "off">,
  place: Place,
  names: readonly [string, string] = ["--port", "--host"],
  socket?: Handle,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) =>
      reject(
        new CommandFailure("CANNOT_LISTEN", place.path ? whyNotPath(error, place.path) : whyNot(error, place, names)),
      );
    server.once("error", fail);
    const listening = () => {
      server.off("error", fail);
      resolve();
    };
    if (socket) server.listen(socket, BACKLOG, listening);
    else server.listen(place, listening);
  });
}

/** Explains why a server can't listen at host and port, with the cure. */
function whyNot(
  { code, message }: NodeJS.ErrnoException,
  { host, port }: Place,
  names: readonly [string, string],
): string {
  const another = `choose another with ${names[1]}, such as 127.0.0.1 or 0.0.0.0`;
  switch (code) {
    case "EADDRINUSE":
      return `port ${port} is in use: choose another with ${names[0]}`;
    case "EACCES":
      return `port ${port} may not be opened by this user: choose one above 1023 with ${names[0]}`;
    case "EADDRNOTAVAIL":
      return `${host} is no address of this machine: ${another}`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `${host} is an unknown host: ${another}`;
    default:
      return `cannot listen on ${host}, port ${port}: ${message}`;
  }
}

function whyNotPath({ code, message }: NodeJS.ErrnoException, path: string): string {
  switch (code) {
    case "EADDRINUSE":
      return `${path} is in use: choose another`;
    case "EACCES":
      return `${path} may not be made by this user: choose another`;
    case "ENOENT":
      return `the folder of ${path} does not exist: make it, or choose another`;
    default:
      return `cannot listen at ${path}: ${message}`;
  }
}

/** The base URL of the endpoints, or the path of the Unix socket with the mount point behind it. */
export function addressOf({ host, mount, tlsCert }: Settings, bound: Bound): string {
  if (typeof bound === "string") return `unix:${bound}:${mount || "/"}`;
  return `${tlsCert ? "https" : "http"}://${authority(host)}:${bound?.port}${mount}`;
}

/** The host as URLs have it: an IPv6 address is in brackets (RFC 3986, 3.2.2). */
function authority(host: string): string {
  if (host === "0.0.0.0") return "localhost";
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}
