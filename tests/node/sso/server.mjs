// The auth server of the single sign-on test, a process of its own.
import express from "express";
import { createAuthServer } from "../../../npm/dist/esm/express.mjs";

const auth = createAuthServer({
  db: "sqlite::memory:",
  validRoles: ["user", "admin"],
  saltRounds: 10,
  rateLimit: false,
  issuer: "https://auth.example",
});
await auth.migrate();
for (const role of ["user", "admin"]) {
  await auth.register({ identifiers: [{ type: "username", value: role }], password: "correct horse 1", roles: [role] });
}
const app = express();
app.use("/auth", auth.router());
app.post("/rotate", (_req, res, next) => auth.rotateKeys().then((made) => res.json(made), next));
app.use(auth.errorHandler());
const server = app.listen(0, "127.0.0.1", () => console.log(`listening ${server.address().port}`));
