import { createServer, type Server } from "node:http";
import { PROMETHEUS_CONTENT_TYPE } from "../../prometheus.js";
import { listenAt } from "./listen.js";
import type { Log } from "./log.js";
import type { Settings } from "./settings.js";

const SAMPLE = /^(\w+)(?:\{(.*)\})? (.*)$/;

/** Serves `GET /metrics` on its own port, where the settings name one. */
export async function serveMetrics(
  { metricsHost: host, metricsPort: port }: Settings,
  log: Log,
  text: () => Promise<string> | string,
): Promise<Server | undefined> {
  if (port === undefined) return undefined;
  const server = createServer((req, res) => {
    const found = req.url?.split("?", 1)[0] === "/metrics" && (req.method === "GET" || req.method === "HEAD");
    Promise.resolve(found ? text() : "not found: the metrics are at /metrics\n")
      .then((body) => {
        const kind = found ? PROMETHEUS_CONTENT_TYPE : "text/plain; charset=utf-8";
        res.writeHead(found ? 200 : 404, { "Content-Type": kind, "Content-Length": Buffer.byteLength(body) });
        res.end(req.method === "HEAD" ? undefined : body);
      })
      .catch((error: unknown) => {
        log.error({ event: "metrics.failure", cause: String(error) });
        res.destroy();
      });
  });
  await listenAt(server, { host, port, exclusive: true }, ["SENTRI_METRICS_PORT", "SENTRI_METRICS_HOST"]);
  return server;
}

/**
 * Joins the metrics of several processes to one text. Each sample has its worker's number as a label, so that the
 * restart of a worker resets the counters of that worker only.
 */
export function byWorker(texts: ReadonlyArray<readonly [number, string]>): string {
  const heads = new Map<string, Set<string>>();
  const samples = new Map<string, string[]>();
  for (const [number, text] of texts) {
    let metric = "";
    for (const line of text.split("\n")) {
      if (line.startsWith("# ")) {
        metric = line.split(" ")[2]!;
        heads.set(metric, (heads.get(metric) ?? new Set()).add(line));
        continue;
      }
      const found = SAMPLE.exec(line);
      if (!found) continue;
      const labels = [found[2], `worker="${number}"`].filter(Boolean).join(",");
      samples.set(metric, [...(samples.get(metric) ?? []), `${found[1]}{${labels}} ${found[3]}`]);
    }
  }
  return [...heads].map(([name, head]) => [...head, ...(samples.get(name) ?? []), ""].join("\n")).join("");
}
