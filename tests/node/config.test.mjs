// Every option of `sentri serve`, set by each of the four ways: the whole table, by the core as Node calls it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { bin } from "./support/command-line.mjs";

const require = createRequire(import.meta.url);
const { look, reload, settle } = require("../../npm/dist/cli/settle.js");
const { loadNative } = require("../../npm/dist/loader.js");
const page = readFileSync(join(dirname(fileURLToPath(import.meta.url)), "../../docs/reference/settings.md"), "utf8");

/** Every row of the reference. */
const ROWS = [...page.matchAll(/^\| `([\w.]+)` \| `--([\w-]+)`<br>(.*?) \| .*<br>`(.*)` \|$/gm)].map(
  ([, key, flag, variables, example]) => ({ key, flag, variable: /`(\w+)`/.exec(variables)[1], example }),
);

/** What one option needs beside it to be right. */
const BESIDE = {
  "cookie.partitioned": { "cookie-secure": "on" },
  "accessCookie.partitioned": { "access-cookie-secure": "on" },
  "serve.smtp": { "smtp-from": "a@example.com" },
  "serve.smtpFrom": { smtp: "smtp://localhost" },
  "serve.messagesWebhook": { "messages-webhook-secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" },
  "serve.messagesWebhookSecret": { "messages-webhook": "https://mailer.example.com" },
  "messages.links.reset": { messages: "console" },
  "messages.links.verify": { messages: "console" },
  "messages.links.login": { messages: "console" },
  "messages.links.invite": { messages: "console" },
  "messages.locale": { messages: "console" },
  "messages.unknownAccount": { messages: "console" },
  "messages.newSignIn": { messages: "console" },
  verification: { messages: "console" },
  "verification.types": { messages: "console" },
  "verification.required": { messages: "console" },
  "verification.required.since": { messages: "console" },
  "mfa.recoveryCodes": { "mfa-totp-issuer": "Example" },
  "mfa.requiredFor": { "mfa-totp-issuer": "Example" },
  loginCode: { messages: "console" },
};

/** Where the command finds what messages go out by, which the core works out of several options. */
const WAYS = {
  messages: "serve.messages.console",
  "serve.smtp": "serve.messages.smtp.host",
  "serve.smtpFrom": "serve.messages.smtp.from",
  "serve.messagesWebhook": "serve.messages.webhook.url",
  "serve.messagesWebhookSecret": "serve.messages.webhook.secret",
};

function settled({ flags = {}, variables = {} }) {
  const given = { flags, variables, production: false };
  return JSON.parse(loadNative().settleOptions(JSON.stringify(given)));
}

/** The effective value of an option, where the library or the command reads it. */
function effective({ options, serve }, named) {
  const key = WAYS[named] ?? named;
  const place = key.startsWith("serve.") ? serve : options;
  return key
    .replace(/^serve\./, "")
    .split(".")
    .reduce((object, name) => object?.[name], place);
}

test("every option by flag, variable, file and NAME_FILE", () => {
  const folder = mkdtempSync(join(tmpdir(), "sentri-config-"));
  let looked = 0;
  try {
    for (const { key, flag, variable, example } of ROWS) {
      if (key === "serve.config" || key === "secretFile") continue;
      const beside = BESIDE[key] ?? {};
      const byFlag = settled({ flags: { ...beside, [flag]: example } });
      assert.deepEqual(byFlag.errors, [], `--${flag} ${example}`);
      const value = effective(byFlag, key);
      assert.notEqual(value, undefined, `--${flag} has no effect`);
      const from = ({ settings }) => settings.find(({ name }) => name === key)?.from;
      assert.equal(from(byFlag), `--${flag}`);

      const byVariable = settled({ flags: beside, variables: { [variable]: example } });
      assert.deepEqual([byVariable.errors, effective(byVariable, key), from(byVariable)], [[], value, variable], key);

      const secret = join(folder, "value");
      writeFileSync(secret, `${example}\n`);
      if (key !== "secret") {
        const byFile = settled({ flags: beside, variables: { [`${variable}_FILE`]: secret } });
        const place = `${variable}_FILE (${secret})`;
        assert.deepEqual([byFile.errors, effective(byFile, key), from(byFile)], [[], value, place], key);
      }

      const { value: literal } = byFlag.settings.find(({ name }) => name === key);
      const config = join(folder, "sentri.json");
      const written = /secret|apiKey|encryptionKey|^db$|redisUrl|smtp$|Webhook|setupToken/.test(key)
        ? example
        : literal;
      const nested = key.split(".").reduceRight((inner, name) => ({ [name]: inner }), written);
      writeFileSync(config, JSON.stringify(nested, null, 1));
      const byConfig = settled({ flags: { ...beside, config } });
      assert.deepEqual([byConfig.errors, effective(byConfig, key)], [[], value], `${key} in a file`);
      assert.match(from(byConfig), /sentri\.json, line \d+$/);

      // Flag over variable over file.
      const all = settled({ flags: { ...beside, config, [flag]: example }, variables: { [variable]: example } });
      assert.equal(from(all), `--${flag}`);
      assert.equal(from(settled({ flags: { ...beside, config }, variables: { [variable]: example } })), variable);
      looked++;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  assert.ok(looked > 70, `only ${looked} options`);
});

test("a variable of this process counts, an empty one does not", () => {
  process.env.SENTRI_ISSUER = "me";
  process.env.SENTRI_AUDIENCE = "";
  try {
    const { options } = settle({});
    assert.equal(options.issuer, "me");
    assert.equal(options.audience, undefined);
  } finally {
    delete process.env.SENTRI_ISSUER;
    delete process.env.SENTRI_AUDIENCE;
  }
});

test("what changes while it runs is told from what can't", () => {
  const before = look({ roles: "user,admin", secret: "a".repeat(64) });
  const after = look({ roles: "user,editor", secret: "b".repeat(64), "log-level": "warn", "rate-limit": "off" });
  const { changed, renew, options, settings } = reload(before, after);
  assert.deepEqual(changed, [
    { name: "serve.logLevel", hot: true },
    { name: "validRoles", hot: true },
    { name: "secret", hot: false },
    { name: "rateLimit", hot: true },
  ]);
  assert.equal(renew, true);
  assert.deepEqual([options.validRoles, options.adminRoles, options.rateLimit], [["user", "editor"], [], false]);
  assert.equal(options.secret, "a".repeat(64));
  assert.doesNotMatch(JSON.stringify(settings), /bbbb/);
  assert.deepEqual(reload({ options, settings }, after).changed, [{ name: "secret", hot: false }]);
  assert.deepEqual(reload(before, before).changed, []);

  const memory = (roles) => look({ roles, db: "sqlite::memory:" });
  const kept = reload(memory("user"), memory("user,editor"));
  assert.deepEqual([kept.renew, kept.changed], [false, [{ name: "validRoles", hot: false }]]);
});

test("administration is on unless somebody switches it off, also by a reload", () => {
  const on = (flags) => settled({ flags }).options.administration;
  assert.deepEqual([on({}), on({ messages: "console" }), on({ administration: "off" })], [true, true, false]);
  const { renew, options } = reload(look({}), look({ administration: "off" }));
  assert.deepEqual([renew, options.administration], [true, false]);
  assert.equal(reload(look({ administration: "off" }), look({})).options.administration, true);
});

test("members of members count, and a word from a later place before them", () => {
  const since = { "verification-required-since": "2026-12-01T00:00:00Z" };
  const of = (given) => settled({ ...given, flags: { messages: "console", ...given.flags } });
  const required = (given) => of(given).options.verification.required;
  const instant = { since: "2026-12-01T00:00:00Z" };
  assert.deepEqual(required({ flags: since }), instant);
  assert.deepEqual(required({ flags: { ...since, verification: "on", "verification-required": "on" } }), instant);
  const variables = { SENTRI_VERIFICATION_REQUIRED_SINCE: "2026-12-01T00:00:00Z" };
  assert.equal(required({ variables, flags: { "verification-required": "off" } }), false);
  assert.deepEqual(required({ variables: { SENTRI_VERIFICATION_REQUIRED: "off" }, flags: since }), instant);
  assert.equal(of({ variables, flags: { verification: "off" } }).options.verification, null);
  assert.match(of({ flags: { ...since, "verification-required": "off" } }).errors[0].message, /is of no use while/);
  const limits = { "rate-limit-messages-per-minute": "2", "rate-limit-messages-per-hour": "7", "rate-limit": "on" };
  assert.deepEqual(of({ flags: limits }).options.rateLimit, { messages: { perMinute: 2, perHour: 7 } });
});

test("SIGHUP: new roles count, a mistake changes nothing", { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "sentri-reload-"));
  const write = (roles) => writeFileSync(join(folder, "sentri.toml"), `validRoles = [${roles}]\n[serve]\nport = 0\n`);
  write("'user'");
  const child = spawn(process.execPath, [bin, "serve"], { cwd: folder, env: { PATH: process.env.PATH } });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr.on("data", (chunk) => (err += chunk));
  const until = async (found) => {
    for (let i = 0; !found() && child.exitCode === null && i < 600; i++) await delay(100);
    assert.ok(found(), `${out}\n${err}`);
  };
  try {
    await until(() => out.includes("Ctrl-C"));
    const base = /sentri is at (\S+)/.exec(out)[1];
    const register = async (name) => {
      const body = { identifiers: [{ type: "username", value: name }], password: "correct horse", roles: ["editor"] };
      const headers = { "content-type": "application/json" };
      return (await fetch(`${base}/register`, { method: "POST", headers, body: JSON.stringify(body) })).status;
    };
    assert.equal(await register("before"), 400);

    writeFileSync(join(folder, "sentri.toml"), "validRoles = [\n");
    child.kill("SIGHUP");
    await until(() => /reload: .*sentri\.toml, line \d+: is no TOML/.test(err));
    assert.equal(await register("still"), 400);

    writeFileSync(
      join(folder, "sentri.toml"),
      "validRoles = ['user', 'editor']\nselfAssignableRoles = ['editor']\nissuer = 'x'\n[serve]\nport = 0\n",
    );
    child.kill("SIGHUP");
    await until(() => err.includes("start it anew"));
    assert.match(err, /reload: changed validRoles, selfAssignableRoles\nreload: issuer can't change while it runs/);
    assert.equal(await register("after"), 201);
  } finally {
    child.kill("SIGTERM");
    await new Promise((resolve) => (child.exitCode === null ? child.once("exit", resolve) : resolve()));
    rmSync(folder, { recursive: true, force: true });
  }
});
