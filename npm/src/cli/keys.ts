import type { AuthServer } from "../server.js";
import { JSON_FLAG, withServer, withTables, type Command } from "./command.js";
import { keyOptions } from "./file.js";
import { DATABASE, existing, serverOptions } from "./options.js";
import { columns } from "./output.js";

type Keys = Awaited<ReturnType<AuthServer["listKeys"]>>;

function rows(keys: Keys): string[] {
  if (keys.length === 0) return ["no keys"];
  return columns(
    keys.map(({ kid, algorithm, activeFrom, retiredAt }) => [
      kid,
      algorithm,
      retiredAt === null ? `signs from ${activeFrom}` : `retired ${retiredAt}`,
    ]),
  );
}

export const list: Command = {
  summary: "list the stored signing keys, newest first",
  flags: { ...DATABASE, ...JSON_FLAG },
  async run(values) {
    const keys = await withTables(values, (auth) => auth.listKeys());
    return { value: { keys }, lines: rows(keys) };
  },
};

export const rotate: Command = {
  summary: "make a new signing key; tokens of the old one stay good",
  flags: { ...DATABASE, ...JSON_FLAG },
  async run(values) {
    const options = serverOptions(values);
    return withServer({ ...options, ...keyOptions(values), db: existing(String(options.db)) }, async (auth) => {
      await auth.ready({ wait: 0 });
      const key = await auth.rotateKeys();
      const line = `new key ${key.kid}, published now, signing from ${key.activeFrom}`;
      return { value: key, lines: [line, ...rows(await auth.listKeys())] };
    });
  },
};
