// Faults of 6.0.0 in its types, in a project of a user's that asks for nothing of later versions.
import { after, before, test } from "node:test";
import { makeConsumer } from "./support/consumer.mjs";

let consumer;

before(() => {
  consumer = makeConsumer(["typescript@5", "express@5", "@types/express@5", "@types/node@20"]);
  consumer.setType("module");
});

after(() => consumer.remove());

const compile = (code) => {
  consumer.write("typed.ts", code);
  consumer.compile(["typed.ts"], { module: "NodeNext", skipLibCheck: true, types: ["node"] });
};

test("A7: certificates and the type of a database are typed", () => {
  compile(`import { createAuth } from "sentri";
const db = { host: "db", database: "app" };
const ssl = { ca: "pem", cert: "pem", key: "pem" };
export const tls = createAuth({ mode: "server", validRoles: ["user"], db: { ...db, ssl } });
export const typed = createAuth({ mode: "server", validRoles: ["user"], db: { ...db, type: "mysql" } });
`);
});

test("G9: a check with a path parameter compiles", () => {
  compile(`import express from "express";
import { createAuth } from "sentri";
const auth = createAuth({ mode: "server", validRoles: ["user"] });
const isOwner = (id?: string) => id === "u1";
express().get("/users/:id", auth.protect(), auth.permit({ check: (req) => isOwner(req.params.id) }));
`);
});

test("G9: a token with roles from elsewhere compiles", () => {
  compile(`import { createAuth } from "sentri";
const auth = createAuth({ mode: "server", validRoles: ["user"] });
const elsewhere: { id: string; roles: string[] } = { id: "u1", roles: ["user"] };
export const token = auth.signAccessToken(elsewhere);
`);
});
