// The inputs that fuzzing keeps of what both sides decide: the edge client comes to the core's verdict over each of
// them. tests/fuzz has the targets; `SENTRI_FUZZ_ACCEPT` there writes the verdicts.
import assert from "node:assert/strict";
import { createHash, createHmac, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { loadEdge } from "./support/edge.mjs";

const edge = await loadEdge();

const NOW = 1_700_000_000_000;
const SECRET = "a secret that nobody guesses, of more than sixty-four bytes in all, for HS512";
const bytes = (text) => new TextEncoder().encode(text);
const file = (path) => readFileSync(new URL(path, import.meta.url), "utf8");

/** Inputs as bytes, and as text where they are any, with the verdict. */
function corpus(name) {
  const entries = JSON.parse(file(`../fuzz/corpus/${name}.json`)).filter(({ verdict }) => verdict !== undefined);
  assert.ok(entries.length >= 10, `${name}: next to nothing`);
  return entries.map(({ text, base64, verdict }) => ({
    text,
    data: text === undefined ? new Uint8Array(Buffer.from(base64, "base64")) : bytes(text),
    verdict,
  }));
}

async function agree(name, decide) {
  const wrong = [];
  for (const { verdict, ...input } of corpus(name)) {
    const found = await decide(input);
    if (found !== verdict) wrong.push(`${JSON.stringify(input.text ?? [...input.data])}: ${verdict}, here ${found}`);
  }
  assert.deepEqual(wrong, []);
}

const claimsOf = ({ id, roles, sessionId = null, exp }) => JSON.stringify({ id, roles, sessionId, exp });

async function worded(run) {
  try {
    return claimsOf(await run());
  } catch (error) {
    if (!(error instanceof edge.TokenError)) throw error;
    return error.code;
  }
}

async function verified(token, keys, rules) {
  const header = edge.readHeader(token, "JWT");
  return edge.parseAccess(await edge.verify(token, header, keys), rules, NOW);
}

const PEMS = ["rsa-pkcs8", "p256-pkcs8", "p384-pkcs8", "ed25519-pkcs8"].map((name) =>
  createPublicKey(file(`../core/token/keys/${name}.pem`)),
);

/** A line with the rules' digit and the header, and the payload, signed. */
function signed(data) {
  const end = data.indexOf(10);
  const flags = Number(String.fromCharCode(data[0])) || 0;
  const input = [data.subarray(1, end), data.subarray(end + 1)]
    .map((part) => Buffer.from(part).toString("base64url"))
    .join(".");
  const rules = {
    ...(flags & 1 ? { issuer: "https://issuer.example" } : {}),
    ...(flags & 2 ? { audience: "api" } : {}),
    leewaySeconds: flags & 4 ? 60 : 0,
  };
  return { token: `${input}.${createHmac("sha256", SECRET).update(input).digest("base64url")}`, rules };
}

/** The name that the core gives a key (RFC 7638). */
function thumbprint({ crv, e, kty, n, x, y }) {
  const members = kty === "RSA" ? { e, kty, n } : { crv, kty, x, ...(y === undefined ? {} : { y }) };
  return createHash("sha256").update(JSON.stringify(members)).digest("base64url");
}

test("tokens", async () => {
  const jwks = PEMS.map((key) => key.export({ format: "jwk" })).map((jwk) => ({ ...jwk, kid: thumbprint(jwk) }));
  const keys = await edge.parseSet(bytes(JSON.stringify({ keys: jwks })));
  await agree("token", ({ text }) => worded(() => verified(text, keys, { leewaySeconds: 0 })));
});

test("signed claims", async () => {
  const k = Buffer.from(SECRET).toString("base64url");
  const keys = await edge.parseSet(bytes(JSON.stringify({ keys: [{ kty: "oct", k, alg: "HS256" }] })));
  await agree("claims", ({ data }) => {
    const { token, rules } = signed(data);
    return worded(() => verified(token, keys, rules));
  });
});

test("key sets", () =>
  agree("jwks", async ({ data }) => {
    try {
      const keys = await edge.parseRemoteSet(data);
      return JSON.stringify(keys.map(({ kid = null, algorithm }) => [kid, algorithm.name]));
    } catch (error) {
      if (!(error instanceof edge.KeyError)) throw error;
      return "CONFIGURATION_ERROR";
    }
  }));

test("cookies", () =>
  agree("cookie", ({ text }) => {
    const found = edge.readCookie(text.split("\n"), "refresh_token");
    if (found === undefined) return "none";
    if ("value" in found) return JSON.stringify({ one: found.value });
    return JSON.stringify({ [found.tooMany ? "tooMany" : "several"]: found.values });
  }));

test("Authorization headers", () =>
  agree("authorization", ({ text }) => {
    const read = edge.readCredential({ method: "GET", authorization: text }, { trustedOrigins: [] });
    if ("tokens" in read) return JSON.stringify({ bearer: read.tokens[0] });
    return read.error.message === "Access token is missing" ? "none" : "malformed";
  }));
