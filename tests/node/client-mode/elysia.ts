import { Elysia } from "elysia";
import { createAuthElysia } from "sentri/elysia";

const auth = createAuthElysia({
  mode: "client",
  keyUri: "https://auth.myapp.com/auth/keys",
  validRoles: ["admin", "user"],
});

const app = new Elysia()
  .onError(auth.errorHandler())
  .group("/orders", (app) =>
    app
      .use(auth.protect())
      .use(auth.permit(({ user, params }) => user.id === params.userId))
      .get("/", handler),
  )
  .group("/products", (app) =>
    app
      .use(auth.protect())
      .use(auth.authorize("admin"))
      .get("/", handler),
  );
