// The application of the golden conversations, in Express.
import { sentri } from "./server.mjs";

/** An Express application with its routes, as a user would write it. `parsed`: behind express.json(). */
export function serve(express, parsed) {
  return async (options) => {
    const auth = sentri.createAuthExpress(options);
    const app = express();
    app.set("trust proxy", 1);
    app.disable("x-powered-by");
    if (parsed) app.use(express.json());
    app.use("/auth", auth.router());
    const answer = (req, res) => res.json(req.user);
    const editors = auth.permit({ roles: ["admin"], check: async (req) => req.user.roles.includes("editor") });
    app.all("/protected", auth.protect(), answer);
    app.all("/admin-only", auth.protect(), auth.authorize("admin"), answer);
    app.all("/editors", auth.protect(), editors, answer);
    app.all("/unguarded-admin", auth.authorize("admin"), answer);
    app.all("/unguarded-editors", editors, answer);
    app.use(auth.errorHandler());
    const server = await new Promise((resolve) => {
      const listening = app.listen(0, "127.0.0.1", () => resolve(listening));
    });
    const close = async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await auth.close();
    };
    return { auth, base: `http://127.0.0.1:${server.address().port}`, close };
  };
}
