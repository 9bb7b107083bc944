/** Returns whether `NODE_ENV` is `production`. */
export function inProduction(): boolean {
  return process.env.NODE_ENV === "production";
}
