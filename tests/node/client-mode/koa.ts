import Koa from "koa";
import Router from "@koa/router";
import { createAuthKoa } from "sentri/koa";

const auth = createAuthKoa({
  mode: "client",
  keyUri: "https://auth.myapp.com/auth/keys",
  validRoles: ["admin", "user"],
});

const app = new Koa();
app.use(auth.errorHandler());

const router = new Router();
router.get("/products", auth.protect(), auth.authorize("admin"), handler);
router.get(
  "/orders",
  auth.protect(),
  auth.permit((ctx) => ctx.state.user.id === ctx.params.userId),
  handler,
);

app.use(router.routes());
