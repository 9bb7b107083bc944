// Servers that answer a request for a key set as no honest server does.
import { createServer } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";

/** Listens with `handler` until the test ends; answers the address and counts requests. */
export async function serve(t, handler) {
  const server = createServer((request, response) => {
    served.requests += 1;
    handler(request, response);
  });
  const served = { requests: 0, uri: "" };
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  served.uri = `http://127.0.0.1:${server.address().port}/keys`;
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return served;
}

/** Hands connections on to `target`, which may change. */
export async function relayTo(t, target) {
  const sockets = new Set();
  const server = createTcpServer((socket) => {
    relay.connections += 1;
    const onward = connect(new URL(relay.target).port, "127.0.0.1");
    for (const one of [socket, onward])
      sockets.add(one.on("error", () => {}).on("close", () => socket.destroy() && onward.destroy()));
    socket.pipe(onward).pipe(socket);
  });
  const relay = { target, uri: "", connections: 0 };
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  relay.uri = `http://127.0.0.1:${server.address().port}/keys`;
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return relay;
}

const json = (response, status, body, headers = {}) => {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
};

/** By name: what is answered instead of `set`, a good one. */
export const HOSTILE = {
  "a redirect to a good set": (set) => async (t) => {
    const good = await serve(t, (_, response) => json(response, 200, set));
    return serve(t, (_, response) => json(response, 302, "", { location: good.uri }));
  },
  "a 404 with a good set": (set) => (t) => serve(t, (_, response) => json(response, 404, set)),
  "a 206 with a good set": (set) => (t) => serve(t, (_, response) => json(response, 206, set)),
  "a good set after 64 KiB of blanks": (set) => (t) =>
    serve(t, (_, response) => json(response, 200, " ".repeat(65_536) + JSON.stringify(set))),
  "a body without end": () => (t) =>
    serve(t, (_, response) => {
      const more = () => !response.destroyed && response.write(" ".repeat(16_384), () => setImmediate(more));
      more();
    }),
  "a body that breaks off": (set) => (t) =>
    serve(t, (_, response) => {
      response.writeHead(200, { "content-length": 100_000 });
      response.write(JSON.stringify(set).slice(0, 40), () => response.destroy());
    }),
  "no JSON": () => (t) => serve(t, (_, response) => json(response, 200, "<html>")),
  "33 keys": (set) => (t) =>
    serve(t, (_, response) =>
      json(response, 200, { keys: Array.from({ length: 33 }, (__, n) => ({ ...set.keys[0], kid: String(n) })) }),
    ),
  "a shared secret": () => (t) =>
    serve(t, (_, response) =>
      json(response, 200, { keys: [{ kty: "oct", alg: "HS256", k: Buffer.alloc(32, 1).toString("base64url") }] }),
    ),
  "a private member": (set) => (t) =>
    serve(t, (_, response) => json(response, 200, { keys: [{ ...set.keys[0], d: "AAAA" }] })),
  "a kid twice": (set) => (t) => serve(t, (_, response) => json(response, 200, { keys: [set.keys[0], set.keys[0]] })),
};
