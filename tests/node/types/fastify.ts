import Fastify, { type FastifyRequest } from "fastify";
import { createAuthFastify, createIdempotencyMiddleware, type ServerAuthClient } from "sentri/fastify";

export const auth = createAuthFastify({
  mode: "server",
  validRoles: ["user", "admin"] as const,
  db: "sqlite::memory:",
});
export const narrowed: ServerAuthClient<"user" | "admin"> = createAuthFastify<"user" | "admin">({
  mode: "server",
  validRoles: ["user"],
  db: "sqlite::memory:",
});
export const client = () => createAuthFastify({ mode: "client", keyUri: "https://auth.example.com/auth/keys" });
export const guard = auth.protect();
// @ts-expect-error a role that does not exist
export const typo = () => auth.authorize("amdin");
// @ts-expect-error client mode guards, and nothing else
export const none = () => client().plugin;

export const app = Fastify();
app.register(auth.plugin(), { prefix: "/auth" });
app.register(auth.router());
app.register(
  auth.idempotencyMiddleware({
    ttl: 60_000,
    keyPrefix: "orders",
    credential: async (request) => request.headers["x-auth-token"]?.toString(),
  }),
);
app.register(createIdempotencyMiddleware({ redisUrl: "redis://localhost:6379" }));
app.setErrorHandler(auth.errorHandler({ onUnhandled: (error, request) => request.log.error(error) }));
app.get(
  "/me",
  {
    preHandler: [
      auth.protect(),
      auth.authorize("admin", "user"),
      auth.permit((request) => request.user!.id === request.id),
    ],
  },
  async (request) => {
    const roles: string[] = request.user!.roles;
    const session: string | null = request.auth!.sessionId;
    return { roles, session, token: auth.getCurrentAccessToken(request) };
  },
);

// @ts-expect-error write auth.protect()
app.get("/uncalled", { preHandler: auth.protect }, async () => "");
// @ts-expect-error write auth.plugin()
app.register(auth.plugin);
// @ts-expect-error write auth.router()
app.register(auth.router);
// @ts-expect-error write auth.errorHandler()
app.setErrorHandler(auth.errorHandler);
app.get(
  "/own/:id",
  {
    preHandler: auth.permit(
      (request: FastifyRequest<{ Params: { id: string } }>) => request.params.id === request.user!.id,
    ),
  },
  async () => "",
);
