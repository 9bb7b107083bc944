import Fastify from "fastify";
import cookie from "@fastify/cookie";
import { createAuthFastify } from "sentri/fastify";

const auth = createAuthFastify({
  mode: "server",
  validRoles: ["user", "admin"] as const,
  db: { connectionString: process.env.DATABASE_URL! },
});

await auth.migrate();

const app = Fastify();
await app.register(cookie);
await app.register(auth.plugin(), { prefix: "/auth" });
app.setErrorHandler(auth.errorHandler());

app.get("/me", { preHandler: auth.protect() }, async (request, reply) => {
  reply.send(request.user);
});

await app.listen({ port: 3000 });
