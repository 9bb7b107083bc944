import { Elysia } from "elysia";
import { createAuthElysia } from "sentri/elysia";

const auth = createAuthElysia({
  mode: "server",
  validRoles: ["user", "admin"] as const,
  db: { connectionString: process.env.DATABASE_URL! },
});

await auth.migrate();

const app = new Elysia()
  .onError(auth.errorHandler())
  .group("/auth", (app) => app.use(auth.router()))
  .use(auth.protect())
  .get("/me", ({ user }) => user);

app.listen(3000);
