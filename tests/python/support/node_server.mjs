// A Node server of a system in both languages: `node node_server.mjs <options as JSON>`; writes its port when it listens.
import { createRequire } from "node:module";

const require = createRequire(new URL("../../node/support/server.mjs", import.meta.url));
const express = require("express");
const { createAuthExpress } = require("../../../npm/dist/index.js");

const auth = createAuthExpress({ mode: "server", ...JSON.parse(process.argv[2]) });
const app = express();
// Clients of tests say where they are.
app.set("trust proxy", 1);
app.use(express.json(), auth.idempotencyMiddleware());
app.use("/auth", auth.router());
app.get("/protected", auth.protect(), (req, res) => res.json(req.user));
app.post("/order", auth.protect(), (_req, res) => res.status(201).json({ by: "node" }));
app.post("/rotate", (_req, res, next) => auth.rotateKeys().then((key) => res.json(key), next));
app.use(auth.errorHandler());
await auth.migrate();
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
