// A service in Node that trusts the auth server's tokens by its public keys.
import express from "express";
import { createAuthExpress } from "sentri/express";

const auth = createAuthExpress({ mode: "client", keyUri: process.env.KEY_URI, allowInsecure: true });
const app = express();

app.get("/health", (_req, res) => res.json({ status: "ok" }));
app.get("/api/orders", auth.protect(), (req, res) =>
  res.json({ owner: req.user.id, orders: [{ id: 1, item: "tea" }] }),
);
app.use(auth.errorHandler());

const server = app.listen(Number(process.env.PORT ?? 4001));
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => server.close());
