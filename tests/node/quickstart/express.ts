import express from "express";
import { createAuthExpress } from "sentri/express";

const auth = createAuthExpress({
  mode: "server",
  validRoles: ["user", "admin"] as const,
  db: { connectionString: process.env.DATABASE_URL! },
});

const app = express();
app.use(express.json());
app.use(auth.idempotencyMiddleware());

await auth.migrate();
app.use("/auth", auth.router());

app.get("/me", auth.protect(), (req, res) => res.json(req.user));
app.use(auth.errorHandler());
app.listen(3000);
