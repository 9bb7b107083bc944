import express from "express";
import { createAuth } from "sentri";

const auth = createAuth({
  mode: "client",
  keyUri: "https://auth.myapp.com/auth/keys",
});

const app = express();
app.get("/products", auth.protect(), auth.authorize("admin"), handler);
app.get(
  "/orders",
  auth.protect(),
  auth.permit((req) => req.user!.id === req.params.userId),
  handler,
);

app.use(auth.errorHandler());
