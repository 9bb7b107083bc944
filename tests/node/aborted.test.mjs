// F8: a client that breaks off in the middle of a body leaves nothing on standard error, however often it does.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { frameworks, parsing } from "./support/frameworks.mjs";

const PROCESS = fileURLToPath(new URL("support/aborted.mjs", import.meta.url));

/** Sends a part of a body and goes away, by the end of the stream or by a reset. */
async function breakOff(base, path, framing, isReset) {
  const socket = connect(Number(new URL(base).port), "127.0.0.1");
  socket.on("error", () => {});
  const key = path === "/order" ? "x-idempotency-key: k\r\n" : "";
  const head = `POST ${path} HTTP/1.1\r\nhost: a.example\r\ncontent-type: application/json\r\n${key}${framing.header}\r\n\r\n`;
  await new Promise((resolve) => socket.write(`${head}${framing.part}`, resolve));
  await pause(20);
  if (isReset) socket.resetAndDestroy();
  else socket.destroy();
}

const FRAMINGS = [
  { header: "content-length: 100", part: '{"identifier":"rizz"' },
  { header: "content-length: 100", part: "" },
  { header: "content-length: 3", part: "{}" },
  { header: "transfer-encoding: chunked", part: '5\r\n{"a":\r\n' },
];

for (const name of [...Object.keys(frameworks), ...Object.keys(parsing)]) {
  test(`${name}: a client that breaks off leaves nothing on standard error`, { timeout: 60_000 }, async (t) => {
    const child = spawn(process.execPath, [PROCESS, name], { stdio: ["pipe", "pipe", "pipe"] });
    t.after(() => child.kill());
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      errors += text;
    });
    const [line] = await once(child.stdout.setEncoding("utf8"), "data");
    const places = JSON.parse(line);
    // What a body parser of the application finds out without our error handler is the framework's to tell.
    const targets = [
      [places.handled, "/auth/login"],
      [places.handled, "/read"],
      ...(name in frameworks ? [[places.bare, "/auth/login"]] : []),
      ...(places.gated
        ? [
            [places.gated, "/order"],
            [places.gated, "/auth/login"],
          ]
        : []),
    ];
    for (const [base, path] of targets) {
      for (const framing of FRAMINGS)
        await Promise.all([false, true].map((isReset) => breakOff(base, path, framing, isReset)));
    }
    for (const base of Object.values(places)) {
      const login = await fetch(`${base}/auth/login`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: '{"identifier":"rizz","password":"correct horse 1"}',
      });
      assert.equal(login.status, 401, "it serves others as before");
    }
    await pause(200);
    child.stdin.end();
    await once(child, "exit");
    assert.equal(errors, "");
  });
}
