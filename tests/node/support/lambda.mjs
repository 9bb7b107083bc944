// AWS Lambda without AWS: a server over a real socket that makes of every request the event of a gateway, calls the function's
// handler, and answers what that returns. Each event is a recorded one (tests/node/hosts) with this request's own parts.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

export const recorded = (name) => JSON.parse(readFileSync(new URL(`../hosts/${name}.json`, import.meta.url), "utf8"));

/** Header names as clients of HTTP/1.1 write them, which a REST API keeps. */
const spelt = (name) => name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());

const joined = (lists, spell = (name) => name) =>
  Object.fromEntries(
    Object.entries(lists).map(([name, values]) => [spell(name), values.join(name === "cookie" ? "; " : ",")]),
  );
const last = (lists, spell) =>
  Object.fromEntries(Object.entries(lists).map(([name, values]) => [spell(name), values.at(-1)]));

function body(bytes) {
  return bytes.length === 0
    ? { body: null, isBase64Encoded: false }
    : { body: bytes.toString("base64"), isBase64Encoded: true };
}

function queries(search) {
  const lists = {};
  for (const [name, value] of new URLSearchParams(search)) (lists[name] ??= []).push(value);
  return lists;
}

/** The event of each gateway for `{method, path, search, headers, bytes, ip}`; `headers` are lists by name in lower case. */
export const gateways = {
  "REST API": ({ method, path, search, headers, bytes, ip }) => {
    const event = recorded("rest-api");
    const { identity, ...context } = event.requestContext;
    return {
      ...event,
      httpMethod: method,
      path,
      ...body(bytes),
      headers: last(headers, spelt),
      multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, values]) => [spelt(name), values])),
      queryStringParameters: search ? Object.fromEntries(new URLSearchParams(search)) : null,
      multiValueQueryStringParameters: search ? queries(search) : null,
      requestContext: { ...context, httpMethod: method, path: `/Prod${path}`, identity: { ...identity, sourceIp: ip } },
    };
  },
  "HTTP API": ({ method, path, search, headers: { cookie, ...headers }, bytes, ip }) => {
    const event = recorded("http-api");
    const http = { ...event.requestContext.http, method, path, sourceIp: ip };
    return {
      ...event,
      rawPath: path,
      rawQueryString: search,
      headers: joined(headers),
      requestContext: { ...event.requestContext, http },
      ...(cookie && { cookies: cookie.flatMap((line) => line.split("; ")) }),
      ...(bytes.length > 0 ? body(bytes) : {}),
    };
  },
  ALB: ({ method, path, search, headers, bytes }) => ({
    ...recorded("alb"),
    httpMethod: method,
    path,
    headers: joined(headers),
    queryStringParameters: Object.fromEntries(new URLSearchParams(search)),
    ...body(bytes),
    ...(bytes.length === 0 && { body: "" }),
  }),
  // "Multi value headers" switched on at the target group.
  "ALB, lists": ({ method, path, search, headers, bytes }) => {
    const { headers: _, queryStringParameters: __, ...event } = recorded("alb");
    return {
      ...event,
      httpMethod: method,
      path,
      multiValueHeaders: headers,
      multiValueQueryStringParameters: queries(search),
      ...body(bytes),
      ...(bytes.length === 0 && { body: "" }),
    };
  },
};

async function request(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const headers = {};
  for (let i = 0; i < req.rawHeaders.length; i += 2)
    (headers[req.rawHeaders[i].toLowerCase()] ??= []).push(req.rawHeaders[i + 1]);
  // As gateways do: without it a function would take every request for one over TLS.
  headers["x-forwarded-proto"] ??= ["http"];
  const [path, search = ""] = req.url.split("?");
  return { method: req.method, path, search, headers, bytes: Buffer.concat(chunks), ip: req.socket.remoteAddress };
}

function answer(res, { statusCode, headers = {}, multiValueHeaders = {}, cookies = [], body, isBase64Encoded }) {
  const lists = { ...multiValueHeaders };
  for (const [name, value] of Object.entries(headers)) lists[name] ??= [value].flat();
  if (cookies.length > 0) lists["set-cookie"] = cookies;
  for (const [name, values] of Object.entries(lists))
    if (!/^content-length$/i.test(name)) res.setHeader(name, values.map(String));
  res.writeHead(statusCode).end(Buffer.from(body ?? "", isBase64Encoded ? "base64" : "utf8"));
}

/** Listens; `handler` is the function's, called with events of `gateway`. */
export function listen(gateway, handler) {
  const server = createServer((req, res) => {
    request(req)
      .then((parts) => handler(gateways[gateway](parts), { callbackWaitsForEmptyEventLoop: false }))
      .then((result) => answer(res, result))
      .catch((error) =>
        res.writeHead(502, { "content-type": "application/json" }).end(JSON.stringify({ gateway: String(error) })),
      );
  });
  return server.listen(0, "127.0.0.1");
}
