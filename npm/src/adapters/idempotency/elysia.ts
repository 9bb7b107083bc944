import type { Context } from "elysia";
import { isStatus, type Parts } from "../elysia-context.js";
import type { ElysiaPlugin } from "../elysia-types.js";
import { describeForm } from "./bodies.js";
import { Execution, admittedOf, pairsOf, type Gate } from "./gate.js";
import { answerResponse, describeStream, keyedOf, unlessCutOff, watchResponse } from "./web.js";

type Before = Pick<Parts, "request" | "user" | "auth"> & { body: unknown; server?: Context["server"] };
type Status = (code: unknown) => { code: number };
type After = Pick<Parts, "request" | "set"> & { responseValue: unknown; status: Status };

/**
 * Adds the gate to `plugin`, as hooks for the routes of the application that uses the plugin. Elysia reads the source
 * of hooks to see which members of a context they use, so these hooks name the members.
 */
export function elysiaGate(plugin: any, gate: Gate, addressOf: (parts: Before) => string | undefined): ElysiaPlugin {
  const running = new WeakMap<Request, Execution>();
  const judge = async (ctx: Before) => {
    const { request, body } = ctx;
    const value = request.headers.get(gate.header);
    if (value === null) return undefined;
    const { pathname, search } = new URL(request.url);
    // On Node, a request whose body Elysia has read must not be asked for its body.
    const described =
      body === undefined
        ? await unlessCutOff(describeStream(request))
        : await describeForm(body, request.headers.get("content-length"));
    if (described === undefined) return new Response(null, { status: 400 });
    const facts = { url: pathname + search, address: addressOf(ctx), body: described, user: admittedOf(ctx) };
    const verdict = await gate.judge(ctx, keyedOf(request, value, facts));
    if (verdict === undefined) return undefined;
    if (!(verdict instanceof Execution)) return answerResponse(verdict);
    running.set(request, verdict);
    return undefined;
  };
  return (
    plugin
      .onBeforeHandle(
        { as: "scoped" },
        gate.credential
          ? async (ctx: Before) => judge(ctx)
          : async ({ request, body, server, user, auth }: Before) => judge({ request, body, server, user, auth }),
      )
      .mapResponse({ as: "scoped" }, async ({ request, set, responseValue, status }: After) => {
        const execution = running.get(request);
        if (execution === undefined) return undefined;
        // A `Response` may go on after Elysia is done with it.
        if (responseValue instanceof Response) running.delete(request);
        return keep(execution, responseValue, set, status);
      })
      // Returns nothing, so that the application's own handler answers the error.
      .onError({ as: "scoped" }, async ({ request }: Pick<Parts, "request">) => {
        await running.get(request)?.free();
      })
      // Frees the key after streams, and after every other request whose answer could not be kept.
      .onAfterResponse({ as: "scoped" }, ({ request }: Pick<Parts, "request">) => void running.get(request)?.free())
  );
}

/** Keeps the value that a handler has returned; a `Response` is replaced by a watched copy. */
async function keep(
  execution: Execution,
  value: unknown,
  set: Context["set"],
  statusOf: Status,
): Promise<Response | undefined> {
  const code = typeof set.status === "string" ? statusOf(set.status).code : (set.status ?? 200);
  const headers = [
    ...pairsOf(set.headers),
    ...Object.keys(set.cookie ?? {}).map((name) => ["set-cookie", name] as const),
  ];
  if (value instanceof Response) {
    const own = [...value.headers];
    const others = headers.filter(([name]) => !value.headers.has(name));
    return watchResponse(value, execution, (body) =>
      execution.keep(value.status === 200 ? code : value.status, [...own, ...others], body),
    );
  }
  const isOwn = isPlain(value) || !isStatus(value);
  const { code: status, response } = isOwn ? { code, response: value } : (value as { code: number; response: unknown });
  const text = textOf(response);
  if (text !== undefined)
    await execution.keep(status, text === "" ? headers : typed(headers, typeof response), Buffer.from(text));
  return undefined;
}

function isPlain(value: unknown): boolean {
  return (
    Array.isArray(value) ||
    (typeof value === "object" && value !== null && Object.getPrototypeOf(value)?.constructor?.name === "Object")
  );
}

/** The body that Elysia writes for a value; nothing for streams, files and forms. */
function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return "";
  if (typeof value !== "object") return typeof value === "function" ? undefined : String(value);
  return isPlain(value) ? JSON.stringify(value) : undefined;
}

function typed(
  headers: ReadonlyArray<readonly [string, string]>,
  kind: string,
): ReadonlyArray<readonly [string, string]> {
  if (headers.some(([name]) => name.toLowerCase() === "content-type")) return headers;
  return [...headers, ["content-type", kind === "object" ? "application/json" : "text/plain"]];
}
