import Fastify from "fastify";
import jwt from "@fastify/jwt";
import { createAuthFastify } from "sentri/fastify";

declare module "@fastify/jwt" {
  interface FastifyJWT {
    user: { sub: string };
  }
}

export const app = Fastify();
app.register(jwt, { secret: "x".repeat(32) });
export const auth = createAuthFastify({ mode: "server", validRoles: ["user"], db: "sqlite::memory:" });
app.get("/me", { preHandler: auth.protect() }, async (request) => {
  // Where @fastify/jwt declares the user, its type stands.
  const subject: string = request.user.sub;
  return { subject, session: request.auth?.sessionId };
});
