import { Hono } from "hono";
import { createAuthHono, createIdempotencyMiddleware, type SentriHonoEnv, type ServerAuthClient } from "sentri/hono";

export const auth = createAuthHono({
  mode: "server",
  validRoles: ["user", "admin"] as const,
  db: "sqlite::memory:",
  trustProxy: 1,
});
export const narrowed: ServerAuthClient<"user" | "admin"> = createAuthHono<"user" | "admin">({
  mode: "server",
  validRoles: ["user"],
  db: "sqlite::memory:",
});
export const client = () => createAuthHono({ mode: "client", keyUri: "https://auth.example.com/auth/keys" });
export const guard = auth.protect();
// @ts-expect-error a role that does not exist
export const typo = () => auth.authorize("amdin");
// @ts-expect-error client mode guards, and nothing else
export const none = () => client().router;

export const app = new Hono<SentriHonoEnv>();
app.route("/auth", auth.router());
app.use("/items/*", auth.protect());
app.use(auth.idempotencyMiddleware({ ttl: 60_000, credential: (c) => c.req.header("x-auth-token") }));
app.use("/orders/*", createIdempotencyMiddleware({ maxSize: 100 }));
app.get("/me", auth.protect(), auth.authorize("admin"), (c) => {
  const roles: string[] = c.get("user").roles;
  return c.json({ roles, session: c.get("auth").sessionId, id: c.var.user.id });
});
app.put(
  "/users/:id",
  auth.protect(),
  auth.permit((c) => c.get("user")!.id === c.req.param("id")),
  (c) => c.json({ ok: true }),
);
app.onError(auth.errorHandler({ onUnhandled: (error, c) => console.error(error, c.req.path) }));

// An application that says nothing of its environment learns it from the guard.
export const plain = new Hono().get("/me", auth.protect(), (c) => {
  const role: "user" | "admin" | undefined = c.get("user").roles[0];
  return c.json({
    role,
    tokens: [
      auth.getCurrentAccessToken(c),
      auth.getCurrentAccessToken(c.req.raw),
      auth.getCurrentAccessToken(c.req.raw.headers),
    ],
  });
});

// @ts-expect-error write auth.protect()
app.get("/uncalled", auth.protect, (c) => c.text(""));
// @ts-expect-error write auth.protect()
app.use(auth.protect);
// @ts-expect-error write auth.router()
app.route("/auth", auth.router);
// @ts-expect-error write auth.errorHandler()
app.onError(auth.errorHandler);
