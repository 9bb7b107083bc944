import Koa from "koa";
import Router from "@koa/router";
import bodyParser from "koa-bodyparser";
import { createAuthKoa } from "sentri/koa";

const auth = createAuthKoa({
  mode: "server",
  validRoles: ["user", "admin"] as const,
  db: { connectionString: process.env.DATABASE_URL! },
});

await auth.migrate();

const app = new Koa();
app.use(bodyParser());
app.use(auth.errorHandler());

const rootRouter = new Router();
rootRouter.use("/auth", auth.router().routes(), auth.router().allowedMethods());

rootRouter.get("/me", auth.protect(), (ctx) => {
  ctx.body = ctx.state.user;
});

app.use(rootRouter.routes());
app.use(rootRouter.allowedMethods());

app.listen(3000);
