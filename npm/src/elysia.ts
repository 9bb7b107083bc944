import { Elysia } from "elysia";
import { withElysia } from "./adapters/elysia.js";

export * from "./core.js";
export type * from "./adapters/elysia-types.js";

/** Auth for Elysia 1.4. */
export const { createAuthElysia } = withElysia(Elysia);
