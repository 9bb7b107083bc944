import { relative, sep } from "node:path";
import { SERVE_FLAGS } from "../generated/flags.js";
import type { AuthServer } from "../server.js";
import { printable } from "./options.js";
import { settle } from "./settle.js";
import { Application } from "./serving/application.js";
import { addressOf, type Bound, hold, type Place, placeOf } from "./serving/listen.js";
import { Log } from "./serving/log.js";
import { senderOf } from "./serving/messages.js";
import { serveMetrics } from "./serving/metrics.js";
import { makeServer, reloadAtSignal } from "./serving/reload.js";
import { Serving, untilSignal } from "./serving/process.js";
import { type Settings, settingsOf } from "./serving/settings.js";
import { openSetup } from "./serving/setup.js";
import { handedSocket, isWorker, untilStopped, Workers } from "./serving/workers.js";

/** A flag for each option. */
export const flags = SERVE_FLAGS;

export const summary = "start an auth server of its own";

/** Serves until SIGINT or SIGTERM. */
export async function run(values: Record<string, string>): Promise<void> {
  // The process that started this worker has ended.
  if (isWorker() && !process.connected) return;
  const settled = settle(values);
  const settings = settingsOf(settled.serve);
  const log = new Log(settings.log, settings.logLevel);
  for (const warning of settled.warnings) console.error(warning);
  const send = senderOf(settings.messages);
  const application = applicationOf(makeServer(settled.options, log, send), settings, log);
  try {
    if (isWorker()) {
      reloadAtSignal(values, settled, application, log, send);
      return await work(application, settings, log);
    }
    const { wait } = settings;
    await (settings.migrate ? application.auth.migrate({ wait }) : application.auth.ready({ wait }));
    const setup = await openSetup(application.auth, settled.options, settings);
    const announced = (bound: Bound) => {
      const base = addressOf(settings, bound);
      announce(base, settled.options, application.auth);
      // The token is printed once and on standard error, because logs are kept.
      if (setup) console.error(setup(settings.publicUrl === undefined ? base : settings.publicUrl + settings.mount));
    };
    const place = await placeOf(settings);
    if (settings.workers === 1) {
      reloadAtSignal(values, settled, application, log, send);
      return await serveAlone(application, settings, log, place, announced);
    }
    await application.auth.close();
    await serveByWorkers(settings, log, place, announced);
  } finally {
    await application.close();
  }
}

/** Serves in this process alone. */
async function serveAlone(
  application: Application,
  settings: Settings,
  log: Log,
  place: Place,
  announced: (bound: Bound) => void,
): Promise<void> {
  const serving = new Serving(application, settings, log);
  const metrics = await serveMetrics(settings, log, () => application.auth.metricsText());
  try {
    const bound = await serving.listen(place);
    const ended = untilSignal();
    announced(bound);
    await ended;
    await serving.drain(place.fd === undefined);
  } finally {
    serving.close();
    metrics?.close();
    metrics?.closeAllConnections();
  }
}

/** Serves in worker processes, which this process supervises. */
async function serveByWorkers(
  settings: Settings,
  log: Log,
  place: Place,
  announced: (bound: Bound) => void,
): Promise<void> {
  const { socket, bound } = await hold(place);
  await new Workers(settings, log, socket, place.fd === undefined).run(() => announced(bound));
}

/** Serves as one worker of several. */
async function work(application: Application, settings: Settings, log: Log): Promise<void> {
  let serving: Serving | undefined;
  try {
    await application.auth.ready();
    const socket = await handedSocket();
    if (!socket) return;
    serving = new Serving(application, settings, log);
    await serving.listen({}, socket);
    await serving.drain(await untilStopped(() => application.auth.metricsText()));
  } finally {
    serving?.close();
    if (process.connected) process.disconnect();
  }
}

function applicationOf(auth: AuthServer, settings: Settings, log: Log): Application {
  return new Application(auth, settings.mount, log, settings.tlsCert === undefined ? undefined : "https");
}

/** The flag that names the database in a command to type. A URL with a secret in it is named by its variable. */
function databaseFlag(db: string): string {
  if (printable(db) === db) return `--db '${db}'`;
  return `--db "$${db === process.env.DATABASE_URL ? "DATABASE_URL" : "DB"}"`;
}

/** The command line of this program, so that printed commands can be typed. */
function command(): string {
  const script = process.argv[1] ?? "sentri";
  return script.includes(`${sep}node_modules${sep}`) || !script.endsWith(".js")
    ? "npx sentri"
    : `node ${relative(process.cwd(), script)}`;
}

function announce(base: string, options: Record<string, unknown>, { routes }: AuthServer): void {
  const db = typeof options.db === "string" ? options.db : "by its parts";
  const memory = db.includes(":memory:");
  const width = Math.max(...routes.map((route) => route.method.length + route.path.length)) + 2;
  const rows = routes.map(({ method, path, access }) => {
    const needs = { public: "", user: "access token", admin: "admin role or X-Api-Key" }[access];
    return `  ${`${method} ${path}`.padEnd(width)} ${needs}`.trimEnd();
  });
  const key = options.apiKey ? '    -H "x-api-key: $SENTRI_API_KEY" \\\n' : "";
  const admin = `${command()} create-user --identifier username:root --roles admin ${databaseFlag(db)}`;
  const last = memory ? "All of it is in memory: nothing is left when it stops." : `The first admin: ${admin}`;
  console.log(`sentri is at ${base}\ndatabase     ${printable(db)}\n\n${rows.join("\n")}\n\nTry:
  curl -s ${base}/register -H 'content-type: application/json' \\
${key}    -d '{"identifiers":[{"type":"username","value":"rizz"}],"password":"correct horse"}'
  curl -s ${base}/login -H 'content-type: application/json' -d '{"identifier":"rizz","password":"correct horse"}'

${last}
Ctrl-C stops it.`);
}
