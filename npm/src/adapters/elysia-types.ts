import type { Context, Elysia } from "elysia";
import type { StepUp } from "../assurance.js";
import type { AuthInfo, AuthUser, PermitCheck, PermitOptions } from "../types.js";
import type { GuardApi, ServingApi, WriteItWithParentheses } from "./api.js";

/** The members of routes behind `protect()`. */
export type SentriElysiaContext<Role extends string = string> = { user: AuthUser<Role>; auth: AuthInfo };

/** The context that your checks get. */
export type ElysiaContext<Role extends string = string> = Context & SentriElysiaContext<Role>;

type Singleton = { decorator: {}; store: {}; derive: {}; resolve: {} };
type Definitions = { typebox: {}; error: {} };
type Metadata<Macro, MacroFn> = {
  schema: {};
  standaloneSchema: {};
  macro: Macro;
  macroFn: MacroFn;
  parser: {};
  response: {};
};
type Scope<Resolve> = { derive: {}; resolve: Resolve; schema: {}; standaloneSchema: {}; response: {} };
type Resolve<Role extends string> = () => Promise<SentriElysiaContext<Role>>;

/** A plugin that changes nothing in the types of the application that uses it. */
export type ElysiaPlugin = Elysia<"", Singleton, Definitions, Metadata<{}, {}>, {}, Scope<{}>, Scope<{}>>;

/** A plugin behind which routes have `user` and `auth`. */
export type ElysiaGuard<Role extends string = string> = Elysia<
  "",
  Singleton,
  Definitions,
  Metadata<{}, {}>,
  {},
  Scope<SentriElysiaContext<Role>>,
  Scope<{}>
>;

/** The value of the option `authorize` of a route. */
export type ElysiaRoles<Role> = Role | readonly Role[];
/** The value of the option `permit` of a route. */
export type ElysiaPermit<Role extends string> =
  | PermitCheck<ElysiaContext<Role>>
  | PermitOptions<ElysiaContext<Role>, Role>;

/**
 * A plugin with which single routes may have the options `protect`, `authorize` and `permit`. The last two imply the
 * first.
 */
export type ElysiaMacros<Role extends string = string> = Elysia<
  "",
  Singleton,
  Definitions,
  Metadata<
    { protect?: boolean | StepUp; authorize?: ElysiaRoles<Role>; permit?: ElysiaPermit<Role> },
    {
      protect: (asked: boolean | StepUp) => { resolve: Resolve<Role> };
      authorize: (roles: ElysiaRoles<Role>) => { resolve: Resolve<Role> };
      permit: (check: ElysiaPermit<Role>) => { resolve: Resolve<Role> };
    }
  >,
  {},
  Scope<{}>,
  Scope<{}>
>;

/**
 * The API of client mode for an Elysia application. Guards apply to the routes after them, as in
 * `.use(auth.protect())`. The error handler is set by `.onError(auth.errorHandler())`.
 */
export interface ClientAuthClient<Role extends string = string>
  extends Omit<GuardApi<Role, ElysiaContext<Role>, ElysiaPlugin, ElysiaErrorHandler, Request>, "protect"> {
  /** Lets only authenticated requests pass, as `{acr, maxAge}` asks for; later routes have `user` and `auth`. */
  protect(asked?: StepUp, ...none: WriteItWithParentheses[]): ElysiaGuard<Role>;
}

/** The API of server mode for an Elysia application. */
export interface ServerAuthClient<Role extends string = string>
  extends ClientAuthClient<Role>,
    ServingApi<Role, Context, ElysiaPlugin> {
  /** The endpoints: `.group("/auth", (app) => app.use(auth.router()))`. */
  router(...none: WriteItWithParentheses[]): ElysiaPlugin;
  /** `.use(auth.macro()).get("/me", handler, { protect: true })`, also `authorize: ["admin"]` and `permit: check`. */
  macro(...none: WriteItWithParentheses[]): ElysiaMacros<Role>;
}

/** The function that `onError` takes. */
export type ElysiaErrorHandler = (context: {
  error: unknown;
  request: Request;
  set: Context["set"];
}) => Response | undefined;
