// One of several processes that serve the same users: an Express app over the database and the Redis it is told of.
// argv: driver ("core" for the core's own), place, Redis URL.
import { createHash } from "node:crypto";
import { makeDialect } from "./dialects.mjs";
import { expresses, options, sentri } from "./server.mjs";

const [driver, place, redisUrl] = process.argv.slice(2);
const database = driver === "core" ? { db: place } : { db: undefined, dialect: makeDialect(driver, place) };
const auth = sentri.createAuthExpress(
  options({
    ...database,
    redisUrl,
    // Other users of the same names are counted in the same Redis.
    issuer: createHash("sha256").update(place).digest("hex").slice(0, 16),
    rateLimit: { maxLoginAttempts: 5, maxRegisterAttempts: 1_000 },
    sessionCheck: { maxAge: "1h" },
  }),
);
await auth.migrate();

let runs = 0;
const app = expresses["Express 5"]();
app.set("trust proxy", true);
app.use(expresses["Express 5"].json());
app.use("/auth", auth.router());
app.get("/protected", auth.protect(), (req, res) => res.json(req.user));
app.post("/pay", auth.idempotencyMiddleware(), async (_req, res) => {
  runs += 1;
  await new Promise((resolve) => setTimeout(resolve, 50));
  res.status(201).json({ by: process.pid });
});
app.get("/runs", (_req, res) => res.json(runs));
app.use(auth.errorHandler());
const server = app.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
process.on("disconnect", () => process.exit(0));
