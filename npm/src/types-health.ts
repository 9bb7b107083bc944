// The state of a server, for probes and dashboards.

/** One number of a metric. */
export interface MetricSample {
  /** The metric's name, and for a histogram `_bucket`, `_sum` or `_count` behind it. */
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** The state of a server, for probes. */
export interface Health {
  /**
   * The state. `degraded` means that the server goes on without Redis, which is unreachable, or with its earlier keys,
   * since the log says why the stored ones can't be read.
   */
  status: "ok" | "degraded" | "unavailable";
  /** The state of each part that the server needs; `redis` only with the option `redisUrl`. */
  checks: Record<"database" | "keys", "ok" | "unavailable"> & { redis?: "ok" | "unavailable" };
}

/** A metric: see `docs/reference/metrics.md`. */
export interface Metric {
  name: string;
  type: "counter" | "gauge" | "histogram";
  help: string;
  samples: MetricSample[];
}
