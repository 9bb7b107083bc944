import express, { type RequestHandler } from "express";
import {
  createAuth,
  createAuthExpress,
  createAuthServer,
  SENTRI_ERROR_STATUS,
  SentriError,
  type AuthUser,
  type ClientAuthClient,
  type SentriLogger,
  type ServerAuthClient,
} from "sentri/express";

declare global {
  namespace Express {
    // As an application that sets it declares it.
    interface Request {
      requestId: string;
    }
  }
}

export const auth = createAuthExpress({
  mode: "server",
  validRoles: ["user", "admin"] as const,
  db: "sqlite::memory:",
  knownDevices: true,
});
export const literal = createAuth({ mode: "server", validRoles: ["user", "admin"], db: "sqlite::memory:" });
export const narrowed = createAuth<"user" | "admin">({ mode: "server", validRoles: ["user"], db: "sqlite::memory:" });
export const server: ServerAuthClient<"user"> = createAuthServer({
  validRoles: ["user"] as const,
  db: "sqlite::memory:",
});
export const client = () =>
  createAuthExpress({
    mode: "client",
    keyUri: "https://auth.example.com/auth/keys",
    validRoles: ["user", "admin"] as const,
  });
export const asClient = (): ClientAuthClient<"user" | "admin"> => client();
export const guards: RequestHandler[] = [
  auth.protect(),
  auth.authorize("admin"),
  auth.authorize(["user"], "admin"),
  auth.rateLimiter({ maxAttempts: 1, durationSeconds: 1, key: (req) => req.ip ?? "" }),
];

// Every form of a database that the core takes.
const pem = { ca: "pem", cert: "pem", key: "pem", rejectUnauthorized: true };
export const mysql = () =>
  createAuth({
    ...base,
    db: { type: "mysql", host: "db", port: 3306, database: "app", user: "app", password: "secret", ssl: pem },
  });
export const inSchema = () =>
  createAuth({ ...base, db: { connectionString: "postgres://db/app", schema: "auth", max: 5, ssl: { ca: pem.ca } } });
// @ts-expect-error a database that the core has no driver for
export const oracle = () => createAuth({ ...base, db: { type: "oracle", host: "db" } });
// @ts-expect-error a role that does not exist
export const typo = () => auth.authorize("amdin");
// @ts-expect-error nor there
export const other = () => narrowed.permit({ roles: ["amdin"], check: () => true });
// @ts-expect-error client mode guards, and nothing else
export const none = () => client().router;
// @ts-expect-error as well
export const neither = () => client().migrate();
// @ts-expect-error a mode is needed
export const modeless = () => createAuthExpress({ validRoles: ["user"], db: "sqlite::memory:" });

export const app = express();
app.put(
  "/users/:id",
  auth.protect(),
  auth.permit((req) => req.user!.id === req.params.id),
  (req, res) => {
    const user: { id: string; roles: string[] } = req.user!;
    const session: string | null = req.auth!.sessionId;
    res.json({ user, session, requestId: req.requestId });
  },
);
app.use(auth.errorHandler({ onUnhandled: (error, req) => console.error(error, req.path) }));

app.use((req, res) => {
  req.requestId = "r-1";
  res.json({ token: auth.getCurrentAccessToken(req) });
});

const base = { mode: "server", db: "sqlite::memory:", validRoles: ["user", "admin"] } as const;
// Hooks, overrides and lists of roles take their roles from validRoles, and add none.
export const hooked = () =>
  createAuth({
    ...base,
    hooks: { onLogin: async (user: AuthUser) => console.log(user.id) },
    router: { login: (input, _ctx, next) => next(input) },
    defaultRoles: ["user"],
  }).authorize("admin");
export const hookedTypo = () =>
  // @ts-expect-error a role that does not exist
  createAuth({ ...base, hooks: { onLogin: async (user: AuthUser) => console.log(user.id) } }).authorize("amdin");
// @ts-expect-error nor there
export const adminTypo = () => createAuth({ ...base, adminRoles: ["superuser"] });
// @ts-expect-error nor there
export const defaultTypo = () => createAuth({ ...base, defaultRoles: ["guest"] });
// @ts-expect-error it is checked as 'strict', 'lax' or 'none'
export const sameSite = () => createAuth({ ...base, cookie: { sameSite: true } });
// @ts-expect-error a request has headers
export const tokenless = () => auth.getCurrentAccessToken({});

export class NotFound extends SentriError {
  constructor() {
    super("NOT_FOUND", "nothing", SENTRI_ERROR_STATUS.USER_NOT_FOUND);
  }
}
export const logger: SentriLogger = console;
export const verified: () => AuthUser<"user" | "admin"> = () => auth.verifyAccessToken("x");
app.use(auth.idempotencyMiddleware({ credential: (req) => req.get("x-auth-token") }));
// @ts-expect-error a credential is a text
app.use(auth.idempotencyMiddleware({ credential: () => 5 }));

// Factories that are not called do not compile.
// @ts-expect-error write auth.protect()
app.get("/uncalled", auth.protect, (_req: express.Request, res: express.Response) => res.json({}));
// @ts-expect-error write auth.protect()
app.use(auth.protect);
// @ts-expect-error write auth.router()
app.use("/auth", auth.router);
// @ts-expect-error write auth.errorHandler()
app.use(auth.errorHandler);
// @ts-expect-error write auth.idempotencyMiddleware()
app.use(auth.idempotencyMiddleware);

// Checks know the parameters of a path as its handlers do, and may say more of a request than we know.
declare function owns(user: string, id: string): Promise<boolean>;
app.get(
  "/own/:id",
  auth.protect(),
  auth.permit({ check: (req) => req.params.id }),
  auth.permit((req) => owns(req.user!.id, req.params.id!)),
);
app.get(
  "/typed/:id",
  auth.protect(),
  auth.permit((req: express.Request<{ id: string }>) => owns(req.user!.id, req.params.id)),
);
app.get("/limited/:id", auth.rateLimiter({ maxAttempts: 1, durationSeconds: 1, key: (req) => req.params.id }));
// Roles of a token may come from elsewhere.
export const foreign = (roles: string[]) => auth.signAccessToken({ id: "a", roles });
// A mode that is decided at run time.
declare const decided: { mode: "server"; validRoles: ["user"]; db: string } | { mode: "client"; keyUri: string };
export const either: ClientAuthClient = createAuthExpress(decided);
