// How the tables in tests/vectors are answered by the edge runtimes' code. Runs in an edge runtime too: nothing of Node's.

const bytes = (text) => new TextEncoder().encode(text);
const base64url = (raw) =>
  btoa(String.fromCharCode(...raw))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
const header = (value) => value ?? undefined;

/** By table: what `edge`, the modules of npm/src/edge, make of a case. Where a text is expected in an error, it has to be there. */
const answers = (edge) => ({
  async jws({ token, keys, algorithms, rules = {}, now }, expect) {
    const raw = "payload" in expect || "raw" in expect;
    const set = await edge.parseSet(bytes(JSON.stringify({ keys })));
    try {
      const head = edge.readHeader(token, raw ? undefined : "JWT");
      if (!raw && !algorithms.includes(head.algorithm.name)) throw new edge.TokenError("algorithm");
      const usable = raw ? set : set.filter(({ algorithm }) => algorithms.includes(algorithm.name));
      const payload = await edge.verify(token, head, usable);
      if (raw) return { payload: base64url(payload) };
      return { claims: edge.parseAccess(payload, { leewaySeconds: 0, ...rules }, now) };
    } catch (error) {
      if (!(error instanceof edge.TokenError)) throw error;
      return { error: error.code, ...(raw ? { raw: true } : { reason: error.reason }) };
    }
  },

  async jwks({ text, set, remote }) {
    try {
      const keys = await (remote ? edge.parseRemoteSet : edge.parseSet)(bytes(text ?? JSON.stringify(set)));
      return { keys: keys.map(({ kid, algorithm }) => ({ kid: kid ?? null, alg: algorithm.name })) };
    } catch (error) {
      if (!(error instanceof edge.KeyError)) throw error;
      return { error: "CONFIGURATION_ERROR", reason: error.message };
    }
  },

  cookie({ headers, name }) {
    const read = edge.readCookie(headers, name);
    if (read === undefined) return "none";
    return "value" in read ? { one: read.value } : { [read.tooMany ? "tooMany" : "several"]: read.values };
  },

  origin({ op, option, method, upgrade, secFetchSite, origin, host, scheme, trusted }, expect) {
    if (op === "sameOrigin") {
      const request = {
        method,
        upgrade: header(upgrade),
        secFetchSite: header(secFetchSite),
        origin: header(origin),
        host: header(host),
        scheme: header(scheme),
      };
      return edge.sameOrigin(request, edge.readTrustedOrigins(header(trusted)));
    }
    try {
      edge.readTrustedOrigins(header(option));
      return "ok";
    } catch ({ code, message }) {
      return code === "CONFIGURATION_ERROR" && message.includes(expect.error) ? expect : { error: message };
    }
  },

  preflight({ method, origin, requestMethod, requestHeaders, trusted }) {
    const request = {
      method,
      origin: header(origin),
      accessControlRequestMethod: header(requestMethod),
      accessControlRequestHeaders: header(requestHeaders),
    };
    const answer = edge.preflightAnswer(request, edge.readTrustedOrigins(trusted));
    if (answer === undefined) return "none";
    const { Vary: vary, "Access-Control-Allow-Origin": allowed, ...more } = Object.fromEntries(answer.headers);
    if (
      answer.status !== 204 ||
      answer.body !== "" ||
      vary !== "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    )
      return answer;
    if (allowed === undefined) return answer.headers.length === 1 ? "nothing" : answer;
    if (more["Access-Control-Allow-Credentials"] !== "true") return answer;
    return {
      origin: allowed,
      methods: more["Access-Control-Allow-Methods"],
      headers: more["Access-Control-Allow-Headers"] ?? null,
    };
  },

  duration(given, expect) {
    const read = edge.readDuration(given);
    if ("ms" in read) return read.ms;
    return typeof expect === "object" && read.problem.includes(expect.error) ? expect : { error: read.problem };
  },

  assurance({ claims, need, leeway, now }, expect) {
    try {
      const asked = edge.readRequirement(need, leeway);
      const raw = edge.parseObject(bytes(JSON.stringify(claims)));
      const { acr = null, amr = null, authTime = null } = edge.readAssurance(raw) ?? {};
      return { acr, amr, authTime, meets: edge.meets(asked, { acr, authTime }, now) };
    } catch ({ code, message }) {
      return code === "CONFIGURATION_ERROR" && message.includes(expect.error) ? expect : { error: message };
    }
  },

  async withheld({ claims, authorize, permit, now }) {
    const { id, roles, withheld } = edge.parseAccess(bytes(JSON.stringify(claims)), { leewaySeconds: 0 }, now);
    const client = edge.makeClient({ mode: "client", keyUri: "https://auth.example.com/auth/keys" });
    const checks = edge.makeChecks(client, { user: () => ({ id, roles }), auth: () => ({ withheld }) });
    const allowed = checks.authorize(authorize)({});
    const permitted = await checks.permit({ roles: permit.roles, check: () => permit.check })({});
    const [authorized, bypassed] = [allowed, permitted].map((error) => error?.code ?? null);
    return { roles, withheld: withheld ?? [], authorize: authorized, permit: bypassed };
  },

  remote({ maxAge, steps }) {
    const set = new edge.RemoteSet(maxAge);
    const said = [];
    const say = {
      decide: (now) => said.push(set.decide(now)),
      begin: (now) => said.push(set.begin(now)),
      set: (now, { set: kid, began = now }) => said.push(set.succeed([], kid, began)),
      unreachable: (now) => set.fail("unreachable", now),
      refused: (now) => set.fail("refused", now),
      unknown: (now) => said.push(set.mayKnowMore(now)),
      failing: () => said.push(set.isFailing),
      retryAfter: (now) => said.push(set.retryAfter(now)),
      freshUntil: (now) => said.push(set.freshUntil(now)),
    };
    for (const { at, do: what, ...step } of steps) say[what](at, step);
    return said;
  },
});

/** Whether a case is for this code, which reads cookies and sets none. */
const applies = (table, { given }) => table !== "cookie" || given.op === "read";

/** What is answered to every case of a table that applies: `[id, answer]`. What throws is answered by what it says. */
export async function answerAll(edge, table, cases) {
  const answer = answers(edge)[table];
  return Promise.all(
    cases
      .filter((one) => applies(table, one))
      .map(async ({ id, given, expect }) => {
        try {
          return [id, await answer(given, expect)];
        } catch (error) {
          return [id, { threw: String(error) }];
        }
      }),
  );
}
