// A process of its own for one framework: its endpoints with the error handler of sentri and without any, and a route behind the
// idempotency gate. Writes the addresses, and ends with its standard input.
import { frameworks, parsing, serve } from "./frameworks.mjs";
import { gates } from "./gates.mjs";
import { options } from "./server.mjs";

/** What an application without an error handler of ours has. */
const BARE = {
  express: () => (error, _req, _res, next) => next(error),
  fastify: () => (error, _request, reply) => reply.send(error),
  hono: () => (error, c) => {
    console.error(error);
    return c.text("Internal Server Error", 500);
  },
  koa: () => (_ctx, next) => next(),
  elysia: () => () => undefined,
  web: () => (error) => {
    throw error;
  },
};

/** A handler of an application that reads the body itself. */
async function drain(stream) {
  for await (const _ of stream);
  return {};
}
const READ = {
  express: drain,
  fastify: (request) => ({ body: request.body }),
  hono: async (c) => ({ length: (await c.req.text()).length }),
  koa: (ctx) => drain(ctx.req),
  elysia: ({ body }) => ({ body }),
  web: async ({ request }) => ({ length: (await request.text()).length }),
};

const [name] = process.argv.slice(2);
const kind = name.split(" ")[0].toLowerCase();
const framework = frameworks[name] ?? parsing[name];
const bare = {
  ...framework,
  create(...args) {
    const auth = framework.create(...args);
    const { plugin, router, fetch, checkRequest } = auth;
    const endpoints = plugin ? { plugin } : router ? { router } : { fetch, checkRequest };
    return {
      ...endpoints,
      ...Object.fromEntries(["protect", "authorize", "permit", "migrate", "close"].map((call) => [call, auth[call]])),
      errorHandler: BARE[kind],
    };
  },
};
const places = {};
for (const [place, one] of Object.entries({ handled: framework, bare })) {
  const { auth, base } = await serve(one, options(), () => [{ path: "/read", answer: READ[kind] }]);
  await auth.migrate();
  places[place] = base;
}
const gate = gates[name.replace(", parsed", "")];
if (gate) {
  const auth = gate.create(options());
  await auth.migrate();
  const server = await gate.start(auth.idempotencyMiddleware(), { "/order": () => ({ json: {} }) }, auth);
  if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
  places.gated = `http://127.0.0.1:${server.address().port}`;
}
process.stdout.write(`${JSON.stringify(places)}\n`);
process.stdin.resume().on("end", () => process.exit());
