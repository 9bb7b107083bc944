/** Whether the process says that it is in production. */
export function inProduction(): boolean {
  return process.env.NODE_ENV === "production";
}
