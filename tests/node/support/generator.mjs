// Requests made up by a seeded generator: endpoints and routes of the application with good, bad and hostile parts.
// Parts that differ from server to server (tokens, ids) are names that the sender fills in.

/** A generator of numbers in [0, 1), the same for the same seed (mulberry32). */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const ROUTES = ["/protected", "/admin-only", "/editors", "/unguarded-admin", "/unguarded-editors"];
// Some of them more often: of what is counted, limits are to be met.
const ENDPOINTS = [
  ...Array(2).fill(["POST", "/register"]),
  ...Array(4).fill(["POST", "/login"]),
  ["POST", "/refresh"],
  ["POST", "/logout"],
  ["POST", "/logout-all"],
  ["GET", "/me"],
  ["GET", "/me/sessions"],
  ["DELETE", "/me/sessions/:id"],
  ["POST", "/me/identifiers"],
  ["PUT", "/me/identifiers"],
  ["DELETE", "/me/identifiers"],
  ["PATCH", "/me/password"],
  ["GET", "/users"],
  ["GET", "/users/:id"],
  ["DELETE", "/users/:id"],
  ["POST", "/users/:id/roles"],
  ["PATCH", "/users/:id/password"],
  ["PATCH", "/users/:id/identifiers"],
  ["GET", "/keys"],
];
const IDS = [
  "${rizz.id}",
  "${boss.id}",
  "${rizz.session}",
  "0197a0e0-0000-7000-8000-000000000000",
  "1",
  "a%00b",
  "a%2Fb",
  "%F0%9F%8E%B8",
  "..%2f..",
  "constructor",
  "x".repeat(90),
  "'%20OR%201=1--",
];
const QUERIES = [
  "",
  "",
  "",
  "?",
  "?limit=2",
  "?limit=-1&limit=2",
  "?limit=1e9",
  "?identifier=rizz",
  "?cursor=%F0%9F",
  "?__proto__[x]=1",
  "?a=b?c=d",
  "?identifier=%2B49",
];
const TOKENS = [
  ...Array(6).fill("${rizz.access}"),
  ...Array(10).fill("${boss.access}"),
  "${rizz.refresh}",
  "${forged}",
  "${unsigned}",
  "a.b.c",
  "..",
  "é",
  "x".repeat(9000),
];
export const AUTHORIZATIONS = [
  "Bearer",
  "Bearer ",
  "bearer ${rizz.access}",
  "BEARER ${boss.access}",
  "Bearer  ${rizz.access}",
  "Bearer ${rizz.access} ",
  "Bearer ${rizz.access}, Bearer ${boss.access}",
  "Basic cml6ejp4",
  "\u00ff\u00fe",
  "${rizz.access}",
  "Bearer\t${rizz.access}",
];
export const COOKIES = [
  "refresh_token=${rizz.refresh}",
  "refresh_token=${rizz.refresh}",
  "refresh_token=${boss.refresh}",
  "access_token=${rizz.access}",
  "access_token=${rizz.access}; refresh_token=${rizz.refresh}",
  "access_token=${rizz.access}; access_token=${boss.access}",
  "refresh_token=",
  "refresh_token",
  '=;;=,"',
  'access_token="${rizz.access}"',
  "refresh_token=%ff%00",
  "\u00e9=\u00e9; access_token=x",
  "__proto__=1; constructor=2",
];
const ORIGINS = ["http://${host}", "https://evil.example", "null", "http://", "http://${host}:80", "\u00e4"];
const SITES = ["same-origin", "same-site", "cross-site", "none", "Same-Origin", "", "x"];
const TYPES = [
  ...Array(6).fill("application/json"),
  "application/json; charset=utf-8",
  "application/json;charset=latin1",
  "text/plain",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "application/vnd.api+json",
  'application/json; charset="utf-8"',
];
const RAW = [
  "",
  "{",
  "[]",
  "null",
  "1",
  '"x"',
  "{}",
  '{"identifier":"rizz","identifier":"boss","password":"x"}',
  "\ufeff{}",
  '{"a":' + "[".repeat(2000) + "]".repeat(2000) + "}",
  "\u0000",
  '{"identifier":"\\ud800","password":"x"}',
  `{"identifier":"${"a".repeat(70_000)}"}`,
  "a=b&c=d",
  '{"__proto__":{"roles":["admin"]}}',
  '{"roles":["admin"]} x',
];
const VALUES = [
  null,
  true,
  0,
  -1,
  1.5,
  "",
  " ",
  "rizz",
  "boss",
  "RIZZ ",
  "rizz@example.com",
  "+49 151 1",
  "\u0000",
  "x".repeat(300),
  [],
  [null],
  {},
  { a: 1 },
  ["user"],
  ["admin"],
  ["nobody"],
  [{ type: "username", value: "other" }],
  ["${rizz.id}"],
  "correct horse 1",
];

/** How far the clock moves before a request, now and then: an access token's life, the window of a limit, a session's idle life. */
const ADVANCES = [60_000, 15 * 60_000, 15 * 60_000, 8 * 24 * 3_600_000];

/** `count` requests: `{method, mount, path, headers: [[name, value]], body, advance}`. */
export function generate(seed, count) {
  const random = randomFrom(seed);
  const below = (n) => Math.floor(random() * n);
  const pick = (list) => list[below(list.length)];
  const chance = (share) => random() < share;

  const number = () => below(1e6);
  const fitting = {
    username: () => "n" + number(),
    email: () => `n${number()}@example.com`,
    phone: () => `+49 151 ${1e6 + number()}`,
    x: () => "x " + number(),
  };
  const identifiers = () =>
    Array.from({ length: 1 + below(2) }, () => {
      const type = pick(Object.keys(fitting));
      if (chance(0.6)) return { type, value: fitting[type]() };
      return chance(0.5)
        ? { type: "username", value: pick(["rizz", "Boss"]) }
        : { type, value: pick(["rizz", "new", "new@example.com", "+49 151 23"]) };
    });
  const good = {
    "/register": () => ({
      identifiers: identifiers(),
      password: pick(["correct horse 1", "short"]),
      ...(chance(0.3) ? { roles: [pick(["user", "admin", "x"])] } : {}),
    }),
    "/login": () => ({
      identifier: pick(["rizz", "boss", "RIZZ", "nobody"]),
      password: pick(["correct horse 1", "wrong"]),
    }),
    "/refresh": () => ({ refreshToken: pick(["${rizz.refresh}", "${boss.refresh}", "x", 7]) }),
    "/me/identifiers": () =>
      pick([
        { identifiers: identifiers() },
        { ids: ["${rizz.identifier}"] },
        { identifiers: [{ id: "${rizz.identifier}", value: "rizz" + below(1e6) }] },
      ]),
    "/me/password": () => ({ currentPassword: "wrong", newPassword: "correct horse 2" }),
    "/users/:id/roles": () => ({ roles: pick([["user"], ["editor"], ["x"], "user"]) }),
    "/users/:id/password": () => ({ newPassword: pick(["short", 7]) }),
    "/users/:id/identifiers": () => ({ identifiers: pick([[], [{ type: "username" }], 7]) }),
  };
  const mutate = (body) => {
    const names = Object.keys(body);
    const name = chance(0.8) && names.length > 0 ? pick(names) : pick(["__proto__", "constructor", "extra"]);
    return Object.fromEntries([
      ...Object.entries(body).filter(([other]) => other !== name),
      ...(chance(0.8) ? [[name, pick(VALUES)]] : []),
    ]);
  };
  const bodyOf = (path) => {
    if (chance(0.1)) return undefined;
    if (chance(0.15)) return pick(RAW);
    const body = (good[path] ?? (() => ({})))();
    return JSON.stringify(chance(0.35) ? mutate(body) : body);
  };

  return Array.from({ length: count }, () => {
    const advance = chance(0.02) ? pick(ADVANCES) : 0;
    const headers = [];
    if (chance(0.7)) headers.push(["authorization", chance(0.85) ? `Bearer ${pick(TOKENS)}` : pick(AUTHORIZATIONS)]);
    if (chance(0.4)) headers.push(["cookie", pick(COOKIES)]);
    if (chance(0.25)) headers.push(["origin", pick(ORIGINS)]);
    if (chance(0.25)) headers.push(["sec-fetch-site", pick(SITES)]);
    if (chance(0.3)) headers.push(["x-request-id", pick(["r-1", "x".repeat(128), "x".repeat(129), "a b", "\u00e9"])]);
    if (chance(0.5))
      headers.push([
        "x-forwarded-for",
        pick(["198.51.100.7", "2001:db8::1", "::ffff:198.51.100.8", "1.2.3.4, 198.51.100.9"]),
      ]);
    if (chance(0.25))
      return {
        method: pick(["GET", "POST", "PUT", "PATCH", "DELETE"]),
        mount: "",
        path: pick(ROUTES) + pick(QUERIES),
        headers,
        advance,
      };
    const [method, pattern] = pick(ENDPOINTS);
    // Nobody registers without the key, and what is behind it is to be seen too.
    if (chance(pattern === "/register" ? 0.75 : 0.15))
      headers.push([
        "x-api-key",
        chance(0.7) ? "key of the application" : pick(["wrong", "", "key of the application, key of the application"]),
      ]);
    const body = method === "GET" ? undefined : bodyOf(pattern);
    if (body !== undefined) headers.push(["content-type", pick(TYPES)]);
    return {
      method,
      mount: "/auth",
      path: pattern.replace(":id", () => pick(IDS)) + pick(QUERIES),
      headers,
      body,
      advance,
    };
  });
}
