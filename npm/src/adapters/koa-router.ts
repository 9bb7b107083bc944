import type { Middleware } from "koa";
import { SentriError } from "../errors.js";

/** The endpoints as a router of @koa/router. */
export interface KoaRouter {
  /** The endpoints as middleware. */
  routes(): Middleware;
  /** Middleware that answers requests to the endpoints' paths with other methods. */
  allowedMethods(): Middleware;
}

interface RouterClass {
  new (): KoaRouter & { register(path: string, methods: string[], middleware: Middleware): unknown };
}

/** Loads the application's own @koa/router, which is an optional peer. */
export function loadRouter(): RouterClass {
  try {
    const loaded = require("@koa/router") as RouterClass & { default?: RouterClass };
    return loaded.default ?? loaded;
  } catch (cause) {
    throw new SentriError("CONFIGURATION_ERROR", "router() needs @koa/router: npm install @koa/router", undefined, {
      cause: String(cause),
    });
  }
}
