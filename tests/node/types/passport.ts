import express from "express";
import type { Authenticator } from "passport";
import "passport";
import { createAuthExpress, type AuthUser } from "sentri/express";

// passport declares `req.user`, `req.login()` and an empty `Express.User`; ours fills it.
export const auth = createAuthExpress({
  mode: "server",
  validRoles: ["user", "admin"] as const,
  db: "sqlite::memory:",
});
export const app = express();
export const keep = (passport: Authenticator) => passport.serializeUser((user, done) => done(null, user.id));

app.get(
  "/me",
  auth.protect(),
  auth.permit((req) => req.user!.roles.includes("user")),
  (req, res) => {
    const user: Express.User & AuthUser = req.user!;
    const roles: string[] = user.roles;
    const session: string | null = req.auth!.sessionId;
    // @ts-expect-error nobody may be known
    const id: string = req.user.id;
    // @ts-expect-error a user has no such member
    const name: string = req.user!.name;
    // What passport adds is there beside it.
    const passports: boolean = req.isAuthenticated();
    res.json({ roles, session, id, name, passports });
  },
);
// passport's own means take and give our user.
app.post("/in", (req, _res, next) => req.login({ id: "a", roles: ["user"] }, next));
// @ts-expect-error a user has an id
app.post("/nobody", (req, _res, next) => req.login({ roles: [] }, next));
