// Work that several parts of the benchmarks have sentri do, of whatever version.
import { generateKeyPairSync } from "node:crypto";
import { createSigner } from "fast-jwt";

export const secret = "a secret of at least thirty-two bytes, for benchmarks";
/** So many that none of them comes to `maxSessions` while a rate is taken. */
const USERS = 200;

const { privateKey, publicKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

/** Algorithms with the key that signs and the one that verifies. */
export const ALGORITHMS = [
  ["HS256", secret, secret],
  ["RS256", privateKey, publicKey],
];

/** A function that makes the access token of a number. */
export function tokens(algorithm, key) {
  const sign = createSigner({ key, algorithm, expiresIn: 900_000 });
  // A header brings a flat text; what a signer gives is still in pieces, and who reads it first joins them.
  const flat = (text) => Buffer.from(text).latin1Slice();
  return (number) => {
    const digits = String(number).padStart(12, "0");
    const [id, sessionId] = [`0197a0e0-0000-7000-8000-${digits}`, `0197a0e0-1111-7000-8000-${digits}`];
    return flat(sign({ id, roles: ["user", "editor"], sessionId }));
  };
}

/** Sessions of sentri's: `login`, of one user or of many, and `refresh` answer the next refresh token. */
export async function sessions(makeServer, options) {
  const auth = makeServer({
    mode: "server",
    validRoles: ["user"],
    rateLimit: false,
    saltRounds: 10,
    secret,
    ...options,
  });
  await auth.migrate();
  const find = async (value) => {
    const input = { identifiers: [{ type: "username", value }], password: "correct horse", roles: ["user"] };
    return ((await auth.findUser(value)) ?? (await auth.register(input)).user).id;
  };
  const id = await find("bench");
  const many = [];
  for (let number = 0; number < USERS; number += 1) many.push(await find(`bench${number}`));
  let turn = 0;
  return {
    login: async () => (await auth.createSession(id)).refreshToken,
    loginOfMany: async () => (await auth.createSession(many[turn++ % USERS])).refreshToken,
    empty: async () => {
      for (const one of many) await auth.revokeSessions(one);
    },
    refresh: async (token) => {
      const answer = await auth.handle({
        method: "POST",
        path: "/refresh",
        headers: [["cookie", `refresh_token=${token}`]],
      });
      return answer.headers.find(([name]) => name === "Set-Cookie")[1].match(/=([^;]*)/)[1];
    },
    close: () => auth.close(),
  };
}
