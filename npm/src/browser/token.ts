/** A user, as a login answers it and as an access token names it. */
export interface SignedInUser<Role extends string = string> {
  id: string;
  roles: Role[];
}

/** The lifetime of a token in milliseconds: `exp` less `iat`. Both are the server's, so the page's clock may differ. */
export function lifetimeOf(token: string): number {
  const { iat, exp } = claimsOf(token);
  const isKnown = typeof iat === "number" && typeof exp === "number" && exp > iat;
  return isKnown ? (exp - iat) * 1000 : Number.POSITIVE_INFINITY;
}

/** The user whom an access token names, for display: only a server can verify it. */
export function userOf(token: string): SignedInUser | undefined {
  const { id, roles } = claimsOf(token);
  if (typeof id !== "string") return undefined;
  return { id, roles: Array.isArray(roles) ? roles.filter((role) => typeof role === "string") : [] };
}

function claimsOf(token: string): Record<string, unknown> {
  try {
    const text = atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"));
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    return Object(JSON.parse(new TextDecoder().decode(bytes))) as Record<string, unknown>;
  } catch {
    return {};
  }
}
