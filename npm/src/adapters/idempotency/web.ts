import { WebGuardRequest } from "../web.js";
import { readPart } from "../web-body.js";
import { CutOff } from "../cut-off.js";
import { MAX_STORED_BODY } from "../../generated/constants.js";
import { standFor, unreadOf } from "./bodies.js";
import type { Answer, Execution, Keyed, Settling } from "./gate.js";

/** A request that carries a key. */
export function keyedOf(raw: Request, value: string, facts: Pick<Keyed, "url" | "address" | "body" | "user">): Keyed {
  const { headers } = raw;
  return {
    raw,
    guard: new WebGuardRequest(raw),
    value,
    apiKey: headers.get("x-api-key"),
    type: headers.get("content-type"),
    ...facts,
  };
}

/**
 * Describes a body by its bytes, or a long body by its beginning and the length that its sender declares. The request
 * can be read as before. `kept` returns a body that the framework has read already.
 */
export async function describeStream(request: Request, kept?: () => Promise<ArrayBuffer>): Promise<Uint8Array> {
  const length = request.headers.get("content-length");
  if (request.bodyUsed) return kept ? standFor(new Uint8Array(await kept()), length) : unreadOf(length);
  const reader = request.body === null ? undefined : request.clone().body?.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  while (reader && size <= MAX_STORED_BODY) {
    const { done, value } = await readPart(reader);
    if (done) return Buffer.concat(parts, size);
    parts.push(value);
    size += value.length;
  }
  void reader?.cancel();
  return standFor(Buffer.concat(parts, size), length);
}

/** Returns the result of a read, or `undefined` if the client has aborted the request before its body ended. */
export async function unlessCutOff<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof CutOff) return undefined;
    throw error;
  }
}

/** An answer of the gate as a `Response`. */
export function answerResponse({ status, headers, body }: Answer): Response {
  const own = new Headers();
  for (const [name, value] of headers) own.append(name, value);
  return new Response(body.length > 0 ? body : null, { status, headers: own });
}

/** Keeps an answer, given the bytes of its body. */
export type Keep = (body: Uint8Array) => Settling;

/**
 * Returns the response to send in place of the handler's. A body in one piece is kept at once, even if the client has
 * gone; a body in parts is a stream, which passes through and is not kept.
 */
export async function watchResponse(response: Response, execution: Execution, keep: Keep): Promise<Response> {
  if (response.body === null || response.bodyUsed) {
    await (response.bodyUsed ? execution.free() : keep(new Uint8Array()));
    return response;
  }
  const reader = response.body.getReader();
  const ahead = [reader.read(), reader.read()];
  // Texts and bytes are there within this turn. Other bodies may be streams whose first part takes its time.
  const parts = await Promise.race([Promise.all(ahead), nextTurn()]).catch(() => undefined);
  const body = parts?.[1]?.done ? (parts[0]?.value ?? new Uint8Array()) : undefined;
  if (!(body instanceof Uint8Array)) return new Response(passOn(reader, ahead, execution, keep), response);
  await keep(body);
  return new Response(body as Uint8Array<ArrayBuffer>, response);
}

type Reader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;

/** A stream of the pieces that a reader has read ahead and will read. A single late piece is kept. */
function passOn(
  reader: Reader,
  ahead: Array<ReturnType<Reader["read"]>>,
  execution: Execution,
  keep: Keep,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let first: Uint8Array | undefined;
  let count = 0;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        const { done, value } = await (ahead.shift() ?? reader.read());
        if (done) {
          await (count === 1 && first instanceof Uint8Array ? keep(first) : execution.free());
          return controller.close();
        }
        count += 1;
        first = count === 1 ? value : undefined;
        controller.enqueue(value);
      } catch (error) {
        await execution.free();
        controller.error(error);
      }
    },
    cancel(reason) {
      void execution.free();
      return reader.cancel(reason);
    },
  });
}

function nextTurn(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, 0, undefined));
}
