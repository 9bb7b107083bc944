import { createInterface } from "node:readline";
import { SENTRI_OPENAPI } from "../generated/openapi.js";
import { AuthServer } from "../server.js";
import type { ServerOptions } from "../types.js";
import { loadNative } from "../loader.js";
import { platformPackage } from "../platform.js";
import { UsageError, suggest, type Flag } from "./arguments.js";
import { explain } from "./explain.js";
import { DATABASE, MOUNT, PROXY, SERVER, WAIT, mountPath, printable, serverOptions, trustProxyOf, words } from "./options.js";

/** A command. */
export interface Command {
  summary: string;
  usage?: string;
  flags: Record<string, Flag>;
  run(values: Record<string, string>, rest: string[]): Promise<void>;
}

async function withServer<T>(values: Record<string, string>, run: (auth: AuthServer) => Promise<T>): Promise<T> {
  const auth = new AuthServer(serverOptions(values) as unknown as ServerOptions);
  try {
    return await run(auth);
  } finally {
    await auth.close();
  }
}

export const migrate: Command = {
  summary: "create the tables, or bring them up to date",
  flags: { ...DATABASE, ...WAIT },
  async run(values) {
    await withServer(values, async (auth) => {
      await auth.migrate({ wait: values.wait! });
      console.log(`the tables are up to date: ${printable(String(serverOptions(values).db))}`);
    });
  },
};

export const keys: Command = {
  summary: "list or rotate the stored signing keys",
  usage: "keys list | keys rotate",
  flags: DATABASE,
  async run(values, rest) {
    const [verb] = rest;
    if (verb !== "list" && verb !== "rotate") throw new UsageError("keys needs a verb: list or rotate");
    await withServer(values, async (auth) => {
      await auth.ready({ wait: 0 });
      if (verb === "rotate") {
        const { kid, activeFrom } = await auth.rotateKeys();
        console.log(`new key ${kid}, published now, signing from ${activeFrom}`);
      }
      for (const key of await auth.listKeys()) {
        const state = key.retiredAt === null ? `signs from ${key.activeFrom}` : `retired ${key.retiredAt}`;
        console.log(`${key.kid}  ${key.algorithm}  ${state}`);
      }
    });
  },
};

export const createUser: Command = {
  summary: "create a user; the password is asked for, or read from standard input",
  flags: {
    identifier: { value: "type:value", help: "such as email:rizz@example.com; several separated by commas" },
    ...SERVER,
    ...WAIT,
    roles: { value: "list", help: "roles to give, separated by commas", default: "" },
    "valid-roles": { value: "list", help: "every role of the server", env: "SENTRI_ROLES", default: "user,admin" },
  },
  async run(values) {
    if (!values.identifier) throw new UsageError("--identifier is missing: such as --identifier email:rizz@example.com");
    const identifiers = values.identifier.split(",").map((text) => {
      const at = text.indexOf(":");
      if (at <= 0) throw new UsageError(`--identifier ${text}: write type:value, such as username:rizz`);
      return { type: text.slice(0, at), value: text.slice(at + 1) };
    });
    const [roles, valid] = [words(values.roles), words(values["valid-roles"])];
    const unknown = roles.find((role) => !valid.includes(role));
    if (unknown !== undefined) throw new UsageError(`--roles ${unknown} is not one of --valid-roles ${valid.join(",")}${suggest(unknown, valid, "")}`);
    const password = await readPassword();
    await withServer({ ...values, roles: valid.join(",") }, async (auth) => {
      await auth.migrate({ wait: values.wait! });
      const result = await auth.register({ identifiers, password, roles });
      if (!result.success) throw new UsageError(`${result.error.code}: ${result.error.message}`);
      console.log(`created ${result.user.id} with ${roles.length ? `roles ${roles.join(", ")}` : "no roles"}`);
    });
  },
};

/** From the terminal without echo, or the first line of standard input. */
async function readPassword(): Promise<string> {
  const { stdin, stdout } = process;
  const lines = createInterface({ input: stdin, output: stdout, terminal: stdin.isTTY === true });
  if (stdin.isTTY) {
    stdout.write("Password: ");
    (lines as unknown as { _writeToOutput: () => void })._writeToOutput = () => {};
  }
  const password = await new Promise<string>((resolve) => {
    lines.once("line", resolve);
    lines.once("close", () => resolve(""));
  });
  lines.close();
  if (stdin.isTTY) stdout.write("\n");
  if (!password) throw new UsageError("no password was given: type it when asked, or pass it as the first line of standard input");
  return password;
}

export const openapi: Command = {
  summary: "print the endpoints as an OpenAPI 3.1 document",
  flags: {
    mount: MOUNT,
    server: { value: "url", help: "where the server is, such as https://auth.example.com", default: "" },
  },
  async run(values) {
    const { server = "" } = values;
    if (server !== "" && !/^https?:\/\//.test(server)) throw new UsageError(`--server must be a URL with http:// or https://, not ${server}`);
    const url = server.replace(/\/+$/, "") + mountPath(values) || "/";
    console.log(JSON.stringify({ ...SENTRI_OPENAPI, servers: [{ url }] }, null, 2));
  },
};

/** Says which proxies are believed about addresses of clients, and what comes of it where none is. */
async function proxies(values: Record<string, string>): Promise<string> {
  const trustProxy = trustProxyOf(values);
  if (trustProxy === undefined) {
    return "none is trusted, which is right where clients connect directly; behind a proxy all clients share one budget of logins until SENTRI_TRUST_PROXY, or trustProxy in your code, names it";
  }
  await new AuthServer({ ...serverOptions({ db: "sqlite::memory:" }), trustProxy } as unknown as ServerOptions).close();
  return `X-Forwarded-For is believed of ${typeof trustProxy === "number" ? `${trustProxy} in front` : trustProxy.join(", ")}`;
}

export const doctor: Command = {
  summary: "say what is wrong with this installation, and the cure",
  flags: {
    ...DATABASE,
    redis: { value: "url", help: "redis://host:6379, redis+cluster://.. or redis+sentinel://..; none: it is not looked at", env: "REDIS_URL" },
    ...PROXY,
  },
  async run(values) {
    let bad = 0;
    const check = async (what: string, run: () => unknown) => {
      try {
        console.log(`ok    ${what}: ${String(await run())}`);
      } catch (error) {
        bad += 1;
        console.log(`wrong ${what}: ${explain(error)}`);
      }
    };
    await check("node", () => {
      if (Number(process.versions.node.split(".")[0]) < 20) throw new Error(`${process.version} is too old: install Node 20 or later`);
      return process.version;
    });
    await check("native core", () => {
      loadNative();
      return `loads (${platformPackage()})`;
    });
    if (bad === 0) await check("proxies", () => proxies(values));
    const { redis } = values;
    if (bad === 0 && redis) {
      await check("redis", async () => {
        const auth = new AuthServer({ ...serverOptions({ db: "sqlite::memory:" }), redisUrl: redis } as unknown as ServerOptions);
        try {
          return await auth.describeRedis();
        } finally {
          await auth.close();
        }
      });
    }
    if (bad === 0) {
      await withServer(values, async (auth) => {
        await check("database", async () => {
          await auth.ready({ wait: 0 });
          const db = String(serverOptions(values).db);
          const alone = /^(sqlite|file):/i.test(db) && !db.includes(":memory:") ? "; no other SQLite library in the server's process may open this file" : "";
          return `${printable(db)}, tables are there${alone}`;
        });
        if (bad === 0) {
          await check("keys", async () => {
            const list = await auth.listKeys();
            return `${list.length} stored, newest ${list[0]?.algorithm ?? "none"} ${list[0]?.kid ?? ""}`;
          });
        }
      });
    }
    if (bad > 0) process.exitCode = 1;
  },
};
