/** The statuses of the conversation with a server that works. */
export const EXPECTED = [201, 200, 200, 401];

/** Registers, logs in, and calls `/me` by the token and by a broken token. Resolves to the statuses. */
export async function conversation(base) {
  const at = base.endsWith("/auth") ? base : `${base.replace(/\/$/, "")}/auth`;
  const post = (path, body) =>
    fetch(at + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const me = (token) => fetch(`${at}/me`, { headers: { authorization: `Bearer ${token}` } });
  const identifiers = [{ type: "username", value: "rizz" }];
  const registered = await post("/register", { identifiers, password: "correct horse" });
  const loggedIn = await post("/login", { identifier: "rizz", password: "correct horse" });
  const { accessToken } = (await loggedIn.json()).data;
  const known = await me(accessToken);
  const unknown = await me(`${accessToken}x`);
  return [registered, loggedIn, known, unknown].map(({ status }) => status);
}
