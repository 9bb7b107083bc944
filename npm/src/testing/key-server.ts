import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { PublicJwk } from "./tokens.js";
import { refuseInProduction } from "./production.js";

/**
 * The ways in which a key server fails: it does not listen, answers 503, never answers, or answers a body that is no
 * key set.
 */
export type Outage = "refuse" | "error" | "hang" | "garbage";

/** A key server on the loopback interface. */
export interface KeyServer {
  /** The address for the option `keyUri`. It stays the same over outages. */
  readonly keyUri: string;
  /** The number of requests for the set. */
  readonly requests: number;
  /** Begins an outage, or ends it by `undefined`. */
  setOutage(outage: Outage | undefined): Promise<void>;
  /** Ends the server and its connections. */
  close(): Promise<void>;
}

/**
 * Serves a key set over HTTP, as `GET /keys` of an auth server does, for tests of applications in client mode.
 *
 * @param source the owner of the keys: a token factory, or an object with a function that returns a set
 * @example
 * const keys = await startKeyServer(createTokenFactory());
 * await keys.setOutage("refuse");
 */
export async function startKeyServer(source: { jwks(): { keys: PublicJwk[] } }): Promise<KeyServer> {
  refuseInProduction("startKeyServer");
  let requests = 0;
  let outage: Outage | undefined;
  const server = createServer((_request, response) => {
    requests += 1;
    answer(response, outage, source);
  });
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  return {
    keyUri: `http://127.0.0.1:${port}/keys`,
    get requests() {
      return requests;
    },
    async setOutage(next) {
      outage = next;
      if (next === "refuse") await stop(server);
      else if (!server.listening) await listen(server, port);
    },
    close: () => stop(server),
  };
}

function answer(response: ServerResponse, outage: Outage | undefined, source: { jwks(): object }): void {
  if (outage === "hang") return;
  response.statusCode = outage === "error" ? 503 : 200;
  response.setHeader("content-type", "application/json; charset=utf-8");
  response.end(outage === "garbage" ? "{" : JSON.stringify(source.jwks()));
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function stop(server: Server): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
