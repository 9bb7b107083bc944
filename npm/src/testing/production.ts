import { SentriError } from "../errors.js";
import { inProduction } from "../production.js";

/** Refuses to run a tool for tests in production. */
export function refuseInProduction(name: string): void {
  if (!inProduction()) return;
  throw new SentriError(
    "CONFIGURATION_ERROR",
    `${name}() of sentri/testing must not be used with NODE_ENV=production: it makes tokens and time of its own`,
  );
}
