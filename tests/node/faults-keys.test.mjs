// Faults of 6.0.0 in what is taken for a key, through the package alone, so that the same test runs beside that
// version.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { createRequire } from "node:module";
import { test } from "node:test";
import { options, user } from "./support/server.mjs";

const require = createRequire(import.meta.url);
const { makeServer } = require("../../npm/dist/engine.js");

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const der = publicKey.export({ type: "spki", format: "der" });
const ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxoq4cnqjFQyLZJ8uNgUBmgLzNxFhx4KJt0SO0Np5ZQ app@host";

for (const [form, secret] of Object.entries({
  "a path": "/run/secrets/the-key-of-the-service.pem",
  "a public key, DER in base64": der.toString("base64"),
  "a public key, DER in hexadecimal": der.toString("hex"),
  "a public key, JWK": JSON.stringify(publicKey.export({ format: "jwk" })),
  "a public key of ssh": ssh,
  "a private key, DER in base64": privateKey.export({ type: "pkcs8", format: "der" }).toString("base64"),
}))
  test(`E1: ${form} is no shared secret`, () => {
    for (const production of [true, false])
      assert.throws(() => makeServer(options({ secret, production })), {
        code: "CONFIGURATION_ERROR",
        message: /secret/,
      });
  });

test("E1: a private PEM in base64 signs as that key, or is refused", async (t) => {
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  const auth = makeServer(options({ secret: Buffer.from(pem).toString("base64") }));
  t.after(() => auth.close());
  await auth.migrate();
  const { user: made } = await auth.register(user("rizz"));
  const { accessToken } = await auth.createSession(made.id);
  assert.equal(JSON.parse(Buffer.from(accessToken.split(".")[0], "base64url").toString()).alg, "RS256");
});
