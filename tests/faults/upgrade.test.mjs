// P75: 6.0.0 and the present version serve one database at the same time, as they do while replicas are replaced one by
// one, and 6.0.0 goes on alone when the present version is taken back. `make faults` runs this: it builds 6.0.0.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { mysqlDatabase, postgresSchema } from "../node/support/places.mjs";
import { PASSWORD } from "../node/support/server.mjs";
import { build, old as OLD, placeTests, root as PRESENT } from "./place.mjs";

const REDIS = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
const CLIENTS = 8;
const REFRESHES = 25;

before(() => {
  build();
  placeTests();
});

/** A server of the version in a folder. */
class Server {
  constructor(folder, place) {
    this.child = fork(join(folder, "tests/node/support/process.mjs"), ["core", place, REDIS]);
    this.address = `10.${randomInt(256)}.${randomInt(256)}.${randomInt(1, 255)}`;
  }

  async started() {
    const ended = once(this.child, "exit").then(() => assert.fail("a server ended before it listened"));
    const [{ port }] = await Promise.race([once(this.child, "message"), ended]);
    this.base = `http://127.0.0.1:${port}`;
    return this;
  }

  async end() {
    if (this.child.exitCode !== null) return;
    this.child.disconnect();
    await once(this.child, "exit");
  }

  async call(path, { body, method = body ? "POST" : "GET", headers = {} } = {}) {
    const answer = await fetch(`${this.base}${path}`, {
      method,
      headers: { "content-type": "application/json", "x-forwarded-for": this.address, ...headers },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const { data } = await answer.json();
    const cookie = answer.headers.get("set-cookie")?.split(";")[0];
    return { status: answer.status, access: data?.accessToken, cookie };
  }

  register = (value) =>
    this.call("/auth/register", { body: { identifiers: [{ type: "username", value }], password: PASSWORD } });

  login = (identifier, password = PASSWORD) => this.call("/auth/login", { body: { identifier, password } });

  refresh = ({ cookie }) => this.call("/auth/refresh", { method: "POST", headers: { cookie } });

  logout = ({ cookie }) => this.call("/auth/logout", { method: "POST", headers: { cookie } });

  look = async ({ access }) =>
    (await this.call("/protected", { headers: { authorization: `Bearer ${access}` } })).status;

  changePassword = ({ access }, currentPassword, newPassword) =>
    this.call("/auth/me/password", {
      method: "PATCH",
      headers: { authorization: `Bearer ${access}` },
      body: { currentPassword, newPassword },
    });
}

/** An answer that has to have a status; it is handed on. */
async function expect(status, answer, what) {
  const got = await answer;
  assert.equal(got.status, status, what);
  return got;
}

const someone = () => `user${randomBytes(6).toString("hex")}`;

async function signedIn(server) {
  const name = someone();
  await expect(201, server.register(name));
  return { name, session: await expect(200, server.login(name)) };
}

/** What holds of two servers, whichever of them is the older one. */
async function hold(one, other) {
  const { name, session } = await signedIn(one);
  assert.equal(await other.look(session), 200, "an access token counts at the other");
  await expect(200, other.login(name), "whoever registered at one logs in at the other");

  let turn = session;
  for (let hop = 0; hop < 12; hop++) {
    turn = await expect(200, (hop % 2 === 0 ? other : one).refresh(turn), `refresh ${hop}`);
  }
  await expect(200, one.logout(turn));
  await expect(401, other.refresh(turn), "a logout at one ends the session at the other");

  const kept = await expect(200, other.login(name));
  await expect(200, one.changePassword(await expect(200, one.login(name)), PASSWORD, "another horse 2"));
  await expect(401, other.refresh(kept), "a new password at one ends the sessions at the other");
  await expect(401, other.login(name), "the old password is refused at the other");
  await expect(200, other.login(name, "another horse 2"), "the new password counts at the other");
}

/** Clients who refresh at servers by chance; each has one session, which has to live on. */
async function nobodyIsLoggedOut(servers) {
  const chosen = () => servers[randomInt(servers.length)];
  const clients = Array.from({ length: CLIENTS }, async () => {
    let { session } = await signedIn(chosen());
    for (let round = 0; round < REFRESHES; round++) session = await expect(200, chosen().refresh(session));
    return session;
  });
  return Promise.all(clients);
}

for (const [database, makePlace] of [
  ["PostgreSQL", postgresSchema],
  ["MySQL", mysqlDatabase],
]) {
  test(`6.0.0 and the present version over one ${database}`, { timeout: 120_000 }, async (t) => {
    const { url, drop } = await makePlace();
    const running = new Set();
    t.after(async () => {
      for (const server of running) await server.end();
      await drop();
    });
    const start = (folder) => {
      const server = new Server(folder, url);
      running.add(server);
      return server.started();
    };

    const older = await start(OLD);
    const before = await signedIn(older);
    const present = await start(PRESENT);
    await expect(200, present.refresh(before.session), "a session of before lives on");
    await expect(200, present.login(before.name));

    await t.test("what one does counts at the other", () => hold(older, present));
    await t.test("and the other way round", () => hold(present, older));
    await t.test("sessions live while servers of both versions take turns", () => nobodyIsLoggedOut([older, present]));

    await t.test("6.0.0 goes on alone, with what the present version has left", async () => {
      const { name, session } = await signedIn(present);
      await present.end();
      const again = await start(OLD);
      await pause(100);
      await expect(200, again.login(name));
      await expect(200, again.refresh(session));
      await expect(201, again.register(someone()));
    });
  });
}
