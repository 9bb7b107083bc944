// types/inferred.ts, what calls answer without a type written to it, for any framework.
import { readFileSync } from "node:fs";

const source = readFileSync(new URL("../types/inferred.ts", import.meta.url), "utf8");

/** The program for a framework, by its name in small letters. */
export function inferred(framework) {
  return source.replaceAll("Express", framework[0].toUpperCase() + framework.slice(1)).replaceAll("express", framework);
}
