import { Elysia } from "elysia";
import {
  createAuthElysia,
  createIdempotencyMiddleware,
  type ElysiaContext,
  type ServerAuthClient,
} from "sentri/elysia";

export const auth = createAuthElysia({
  mode: "server",
  validRoles: ["user", "admin"] as const,
  db: "sqlite::memory:",
  trustProxy: ["10.0.0.0/8"],
});
export const narrowed: ServerAuthClient<"user" | "admin"> = createAuthElysia<"user" | "admin">({
  mode: "server",
  validRoles: ["user"],
  db: "sqlite::memory:",
});
export const client = () => createAuthElysia({ mode: "client", keyUri: "https://auth.example.com/auth/keys" });
export const guard = auth.protect();
// @ts-expect-error a role that does not exist
export const typo = () => auth.authorize("amdin");
// @ts-expect-error client mode guards, and nothing else
export const none = () => client().router;
export const guarded = () => new Elysia().use(client().protect()).get("/me", ({ user }) => user.roles);

export const app = new Elysia()
  .onError(auth.errorHandler({ onUnhandled: (error, request) => console.error(error, request.url) }))
  .group("/auth", (group) => group.use(auth.router()))
  // @ts-expect-error nobody is known before protect()
  .get("/before", ({ user }) => user)
  .use(auth.idempotencyMiddleware({ ttl: 60_000, credential: ({ headers }) => headers["x-auth-token"] }))
  .use(createIdempotencyMiddleware({ methods: ["POST"] }))
  .use(auth.protect())
  .get("/me", ({ user, auth: info }) => {
    const role: "user" | "admin" | undefined = user.roles[0];
    const session: string | null = info.sessionId;
    return { role, session };
  })
  .get("/token", (context) => [auth.getCurrentAccessToken(context), auth.getCurrentAccessToken(context.request)])
  .use(auth.authorize("admin"))
  .use(auth.permit(({ user, params }) => user.id === params.id))
  .get("/admin/:id", ({ user, params }) => ({ id: user.id, wanted: params.id }));

const isOwn = ({ user, params }: ElysiaContext) => user.id === params.id;

export const single = new Elysia()
  .use(auth.macro())
  .get("/me", ({ user }) => user.id, { protect: true })
  .get("/admin", ({ user }) => user.roles, { authorize: ["admin"] })
  .get("/own/:id", ({ user }) => user.id, { permit: isOwn })
  // @ts-expect-error a role that does not exist
  .get("/typo", () => "", { authorize: ["amdin"] });

// @ts-expect-error write auth.protect()
export const uncalled = () => new Elysia().use(auth.protect);
// @ts-expect-error write auth.router()
export const unmounted = () => new Elysia().use(auth.router);
// @ts-expect-error write auth.macro()
export const unknown = () => new Elysia().use(auth.macro);
