import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import { NodeGuardRequest } from "../node.js";
import { Execution, bytesOf, describeBody, pairsOf, recordOf, type Gate } from "./gate.js";

/**
 * The gate as a plugin for the routes of the application or scope that registers it. It looks at answers in `onSend`, before the hooks
 * of what is registered later, such as compression.
 */
export function fastifyGate(gate: Gate): FastifyPluginAsync {
  const running = new WeakMap<FastifyRequest, Execution>();
  const plugin: FastifyPluginAsync = async (app) => {
    app.addHook("preHandler", async (request, reply) => {
      const value = request.headers[gate.header];
      if (value === undefined) return;
      const { "content-type": type, "content-length": length } = request.headers;
      const body = describeBody(request.body, { type, length });
      const verdict = await gate.judge(new NodeGuardRequest(request.raw), { value, url: request.originalUrl, address: request.ip, body });
      if (verdict === undefined) return;
      if (verdict instanceof Execution) {
        running.set(request, verdict);
        // Who takes the reply over from Fastify sends it by other ways.
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
  return Object.assign(plugin, { [Symbol.for("skip-override")]: true, [Symbol.for("fastify.display-name")]: "sentri-idempotency" });
}
