import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import { forwardedFor } from "../node.js";
import { Execution, admittedOf, bytesOf, pairsOf, recordOf, type Gate } from "./gate.js";
import { freeIfAborted, keyedOf } from "./node.js";

/**
 * The gate as a plugin for the routes of the application or scope that registers it. It looks at answers in `onSend`,
 * before the hooks that are registered later, such as compression.
 */
export function fastifyGate(gate: Gate): FastifyPluginAsync {
  const running = new WeakMap<FastifyRequest, Execution>();
  const plugin: FastifyPluginAsync = async (app) => {
    app.addHook("preHandler", async (request, reply) => {
      const value = request.headers[gate.header];
      if (value === undefined) return;
      const { originalUrl: url, hostname: host, body } = request;
      const address = gate.addressOf(request.ip, forwardedFor(request.raw));
      const facts = { url, address, host, body, user: admittedOf(request), isRead: true };
      const verdict = await gate.judge(request, keyedOf(request.raw, value, facts));
      if (verdict === undefined) return;
      if (verdict instanceof Execution) {
        running.set(request, verdict);
        freeIfAborted(request.raw, verdict);
        // A handler that takes the reply over from Fastify sends it without `onSend`.
        reply.raw.once("close", () => {
          if (reply.sent) void verdict.free();
        });
        return;
      }
      reply.status(verdict.status).headers(recordOf(verdict.headers));
      return reply.send(Buffer.from(verdict.body));
    });
    app.addHook("onSend", async (request, reply, payload) => {
      const execution = running.get(request);
      const body = execution && bytesOf(payload);
      if (body) await execution.keep(reply.statusCode, pairsOf(reply.getHeaders()), body);
      else if (execution) reply.raw.once("close", () => void execution.free());
      return payload;
    });
  };
  return Object.assign(plugin, {
    [Symbol.for("skip-override")]: true,
    [Symbol.for("fastify.display-name")]: "sentri-idempotency",
  });
}
