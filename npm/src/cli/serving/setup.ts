import type { AuthServer } from "../../server.js";
import type { Settings } from "./settings.js";

/**
 * Opens the set-up of a new server. Returns the lines that explain how to make the first admin; `undefined` if there is
 * an admin.
 */
export async function openSetup(
  auth: AuthServer,
  options: Record<string, unknown>,
  { setupToken }: Settings,
): Promise<((base: string) => string) | undefined> {
  if (options.setup !== true) return undefined;
  const opened = await auth.beginSetup(setupToken === undefined ? {} : { token: setupToken });
  if (!opened) return undefined;
  // The operator knows the token if it was given, so it is not printed.
  const token = opened.token ?? `'"$SENTRI_SETUP_TOKEN"'`;
  return (base) => `There is no admin yet. This makes one, with your password in it, until ${opened.expiresAt}:
  curl -s ${base}/setup -H 'content-type: application/json' \\
    -d '{"token":"${token}","identifiers":[{"type":"username","value":"root"}],"password":""}'`;
}
