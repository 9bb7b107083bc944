// Reads the facts that errors of frameworks and their middleware carry: http-errors (Express, Koa, body parsers),
// Fastify, Hono, Elysia.

/** The members of an error of another library. */
type Foreign = Record<string, unknown>;

/** The public facts of an error, from which the core makes its answer. */
export interface ThrownFacts {
  statusCode?: number;
  /** The message, if it is meant for the client. */
  message?: string;
  /** Whether the request could not be read. */
  unread?: boolean;
}

/** The types that body-parser and raw-body give their errors, and the codes of the parsers of Fastify and Elysia. */
const PARSER_TYPE = /^(?:entity|encoding|charset|request|stream|parameters|querystring)\./;
const PARSER_CODE = /^(?:FST_ERR_CTP_\w+|FST_ERR_BAD_URL|PARSE)$/;

/**
 * The codes of zlib for a body that does not fit its `Content-Encoding`. The codes of Brotli have the names of
 * Brotli's library.
 */
const UNPACKING_CODE =
  /^(?:Z_(?:DATA|BUF)_ERROR|Z_NEED_DICT|ERR__ERROR_FORMAT_\w+|ERR_BROTLI_DECODER_ERROR_FORMAT_\w+)$/;

/** Headers that describe the original body, which is not sent. */
const OF_A_BODY = new Set([
  "cache-control",
  "connection",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-type",
  "etag",
  "last-modified",
  "transfer-encoding",
]);

/**
 * Returns the public part of a foreign error: its status, and with a 4xx its message, if the error marks it as fit for
 * the client.
 */
export function thrownFacts(error: unknown): ThrownFacts {
  const foreign = membersOf(error);
  const statusCode = statusOf(foreign);
  if (statusCode === undefined) return {};
  if (isParserError(foreign)) return { statusCode, unread: true };
  const message = isClientError(statusCode) ? shownMessage(foreign) : undefined;
  return message === undefined ? { statusCode } : { statusCode, message };
}

/**
 * Returns the headers that a foreign error with a 4xx asks to send, such as a challenge. If the error is not marked as
 * fit for the client, its headers are left out, since they may be another server's answer to the application.
 */
export function headersOf(error: unknown): Array<[string, string]> {
  const foreign = membersOf(error);
  const status = statusOf(foreign);
  if (status === undefined || !isClientError(status)) return [];
  const ofResponse = typeof foreign.getResponse === "function" ? membersOf(foreign.res).headers : undefined;
  const headers = ofResponse ?? (foreign.expose === true ? foreign.headers : undefined);
  if (typeof headers !== "object" || headers === null) return [];
  const pairs: Array<[string, unknown]> = isIterable(headers) ? [...headers] : Object.entries(headers);
  return pairs
    .flatMap(([name, value]) =>
      [value]
        .flat()
        .filter(isText)
        .map((single): [string, string] => [canonical(name), String(single)]),
    )
    .filter(([name, value]) => !OF_A_BODY.has(name.toLowerCase()) && isHeader(name, value));
}

function membersOf(value: unknown): Foreign {
  return (typeof value === "object" && value !== null ? value : {}) as Foreign;
}

function statusOf({ statusCode, status, code }: Foreign): number | undefined {
  const known = [statusCode, status].find((one) => typeof one === "number") as number | undefined;
  return known ?? (isText(code) && UNPACKING_CODE.test(String(code)) ? 400 : undefined);
}

function isClientError(status: number): boolean {
  return Number.isInteger(status) && status >= 400 && status < 500;
}

/** Whether the error means that the request could not be read. The message of such an error may quote the request. */
function isParserError(error: Foreign): boolean {
  const { type, code } = error;
  return (
    error instanceof SyntaxError ||
    error instanceof URIError ||
    (typeof type === "string" && PARSER_TYPE.test(type)) ||
    (typeof code === "string" && (PARSER_CODE.test(code) || UNPACKING_CODE.test(code)))
  );
}

/** Returns the message, if the error marks it as fit for the client. */
function shownMessage(error: Foreign): string | undefined {
  const { message } = error;
  if (typeof message !== "string" || message === "") return undefined;
  if (error.code === "VALIDATION" && "valueError" in error) return ofElysia(error.type, message);
  // http-errors; Fastify's schemas; Hono's HTTPException, which makes a response of its message.
  const isShown = error.expose === true || Array.isArray(error.validation) || typeof error.getResponse === "function";
  return isShown ? message : undefined;
}

/**
 * Returns the message of Elysia's error for a value that does not fit its schema: a text of the schema's author, or
 * the reason in Elysia's JSON. An error about a response describes the server, so its message is left out.
 */
function ofElysia(on: unknown, message: string): string | undefined {
  if (on === "response") return undefined;
  let answer: Foreign;
  try {
    answer = membersOf(JSON.parse(message));
  } catch {
    return message;
  }
  const { property, message: reason } = answer;
  if (typeof property !== "string" || typeof reason !== "string") return undefined;
  return `${on}${property === "root" ? "" : `/${property.replace(/^\//, "")}`}: ${reason}`;
}

function isIterable(value: object): value is Iterable<[string, unknown]> {
  return Symbol.iterator in value;
}

function isText(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number";
}

function canonical(name: string): string {
  return name.toLowerCase() === "set-cookie" ? "Set-Cookie" : name;
}

/** Whether a header can be sent. To set an invalid header would throw, in place of the error that is to be answered. */
function isHeader(name: string, value: string): boolean {
  return /^[!#$%&'*+.^_`|~\w-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}
