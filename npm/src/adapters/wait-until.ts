import type { WaitUntil } from "../types.js";

/** The function by which a host is kept alive until a promise has ended, if the host has it. */
export function waitUntilOf(host: unknown): WaitUntil | undefined {
  try {
    const { waitUntil } = Object(host) as { waitUntil?: WaitUntil };
    return typeof waitUntil === "function" ? (promise) => waitUntil.call(host, promise) : undefined;
  } catch {
    return undefined;
  }
}
