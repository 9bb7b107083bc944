import Fastify from "fastify";
import { createAuthFastify } from "sentri/fastify";

const auth = createAuthFastify({
  mode: "client",
  keyUri: "https://auth.myapp.com/auth/keys",
  validRoles: ["admin", "user"],
});

const app = Fastify();
app.get("/products", { preHandler: [auth.protect(), auth.authorize("admin")] }, handler);
app.get(
  "/orders",
  {
    preHandler: [
      auth.protect(),
      auth.permit((request) => request.user!.id === (request.params as { userId?: string }).userId),
    ],
  },
  handler,
);

app.setErrorHandler(auth.errorHandler());
