import Koa from "koa";
import Router from "@koa/router";
import { createAuthKoa, createIdempotencyMiddleware, type ServerAuthClient } from "sentri/koa";

export const auth = createAuthKoa({ mode: "server", validRoles: ["user", "admin"] as const, db: "sqlite::memory:" });
export const narrowed: ServerAuthClient<"user" | "admin"> = createAuthKoa<"user" | "admin">({
  mode: "server",
  validRoles: ["user"],
  db: "sqlite::memory:",
});
export const client = () => createAuthKoa({ mode: "client", keyUri: "https://auth.example.com/auth/keys" });
export const guard = auth.protect();
// @ts-expect-error a role that does not exist
export const typo = () => auth.authorize("amdin");
// @ts-expect-error client mode guards, and nothing else
export const none = () => client().router;

export const app = new Koa();
const router = new Router();
router.use("/auth", auth.router().routes(), auth.router().allowedMethods());
router.get(
  "/me",
  auth.protect(),
  auth.authorize("admin"),
  auth.permit((ctx) => ctx.state.user.id === ctx.params.id),
  (ctx) => {
    ctx.body = { user: ctx.state.user, token: auth.getCurrentAccessToken(ctx) };
  },
);
app.use(auth.errorHandler({ onUnhandled: (error, ctx) => console.error(error, ctx.path) }));
app.use(auth.idempotencyMiddleware({ ttl: 60_000, redisPatience: "2s", onRedisAway: "refuse" }));
app.use(createIdempotencyMiddleware({ header: "Idempotency-Key", credential: (ctx) => ctx.get("x-auth-token") }));
app.use(router.routes()).use(router.allowedMethods());

// @ts-expect-error write auth.protect()
router.get("/uncalled", auth.protect, (ctx) => void (ctx.body = ""));
// @ts-expect-error write auth.protect()
app.use(auth.protect);
// @ts-expect-error write auth.errorHandler()
app.use(auth.errorHandler);
// @ts-expect-error write auth.router().routes()
router.use("/auth", auth.router);
