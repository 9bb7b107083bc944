import { Hono } from "hono";
import { createAuthHono } from "sentri/hono";
import type { SentriHonoEnv } from "sentri/hono";

const auth = createAuthHono({
  mode: "client",
  keyUri: "https://auth.myapp.com/auth/keys",
});

const app = new Hono<SentriHonoEnv>();
app.get("/products", auth.protect(), auth.authorize("admin"), handler);
app.get(
  "/orders",
  auth.protect(),
  auth.permit((c) => c.get("user").id === c.req.param("userId")),
  handler,
);

app.onError(auth.errorHandler());
