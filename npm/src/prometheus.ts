import { PROMETHEUS_CONTENT_TYPE } from "./generated/prometheus.js";

export { PROMETHEUS_CONTENT_TYPE };

/** An object with metrics, such as the result of `createAuth` in either mode. */
export interface MetricsSource {
  /** The metrics as the text that Prometheus scrapes. */
  metricsText(): string;
}

/** The part of a response of Node that is used here. Responses of Express and Connect have it too. */
export interface NodeResponse {
  /** Sets a header. */
  setHeader(name: string, value: string): unknown;
  /** Ends the response with a text. */
  end(text: string): unknown;
}

/** The part of a reply of Fastify that is used here. */
export interface Reply {
  /** Sets a header. */
  header(name: string, value: string): Reply;
  /** Sends a text. */
  send(text: string): unknown;
}

/**
 * A handler for Express, Connect and `node:http` that answers with the metrics of `auth`. They reveal how busy a
 * service is, so serve them only to your monitoring, for example on a port of their own.
 *
 * @example
 * import express from "express";
 * import { expressMetrics } from "sentri/prometheus";
 *
 * express().get("/metrics", expressMetrics(auth)).listen(9464, "127.0.0.1");
 */
export function expressMetrics(auth: MetricsSource): (request: unknown, response: NodeResponse) => void {
  return (_request, response) => {
    response.setHeader("Content-Type", PROMETHEUS_CONTENT_TYPE);
    response.end(auth.metricsText());
  };
}

/**
 * A handler for Fastify.
 *
 * @example
 * fastify.get("/metrics", fastifyMetrics(auth));
 */
export function fastifyMetrics(auth: MetricsSource): (request: unknown, reply: Reply) => unknown {
  return (_request, reply) => reply.header("Content-Type", PROMETHEUS_CONTENT_TYPE).send(auth.metricsText());
}

/**
 * A handler for Hono, Elysia, `Bun.serve`, `Deno.serve` and route handlers of Next.js: it returns a `Response`.
 *
 * @example
 * app.get("/metrics", fetchMetrics(auth));
 */
export function fetchMetrics(auth: MetricsSource): () => Response {
  return () => new Response(auth.metricsText(), { headers: { "Content-Type": PROMETHEUS_CONTENT_TYPE } });
}

/**
 * A handler for Koa.
 *
 * @example
 * router.get("/metrics", koaMetrics(auth));
 */
export function koaMetrics(
  auth: MetricsSource,
): (context: { set(name: string, value: string): void; body: unknown }) => void {
  return (context) => {
    context.set("Content-Type", PROMETHEUS_CONTENT_TYPE);
    context.body = auth.metricsText();
  };
}
