import { Hono } from "hono";
import { createAuthHono } from "sentri/hono";
import type { SentriHonoEnv } from "sentri/hono";

const auth = createAuthHono({
  mode: "server",
  validRoles: ["user", "admin"] as const,
  db: { connectionString: process.env.DATABASE_URL! },
});

await auth.migrate();

const app = new Hono<SentriHonoEnv>();

app.route("/auth", auth.router());

app.get("/me", auth.protect(), (c) => c.json(c.get("user")));

app.onError(auth.errorHandler());

export default app;
