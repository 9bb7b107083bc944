import { SERVE_FLAGS } from "../generated/flags.js";
import { SENTRI_SCHEMA } from "../generated/schema.js";
import { JSON_FLAG, type Command } from "./command.js";
import { EXIT } from "./exit.js";
import { columns, harmless } from "./output.js";
import { look, settle } from "./settle.js";

/** `config check`: reports all mistakes at once. */
export const check: Command = {
  summary: "check flags, environment and file of serve",
  flags: { ...SERVE_FLAGS, ...JSON_FLAG },
  async run({ json: _, ...flags }) {
    const { errors, warnings, file } = look(flags);
    const ok = errors.length === 0;
    const lines = [
      ...errors.map(({ message }) => `wrong ${message}`),
      ...warnings.map((warning) => `note  ${warning}`),
      ...(ok ? [`ok    ${file ?? "no file"}`] : []),
    ];
    const value = { ok, file, errors: errors.map(({ message }) => message), warnings };
    return { value, lines: lines.map(harmless), exitCode: ok ? EXIT.done : EXIT.failed };
  },
};

/** `config print`: the options in force, and the source of each value. */
export const show: Command = {
  summary: "print the options of serve, and where each comes from",
  flags: { ...SERVE_FLAGS, ...JSON_FLAG },
  async run({ json: _, ...flags }) {
    const settings = settle(flags).settings.map(({ name, value, from, hot }) => ({ name, value, from, hot }));
    const rows = settings.map(({ name, value, from }) => [name, JSON.stringify(value), from]);
    return { value: { settings }, lines: columns(rows).map(harmless) };
  },
};

/** `config schema`: prints the JSON Schema, for editors. */
export const schema: Command = {
  summary: "print the JSON Schema of a file of options, which editors complete by",
  flags: {},
  async run() {
    console.log(JSON.stringify(SENTRI_SCHEMA, null, 2));
  },
};
