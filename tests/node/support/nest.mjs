// NestJS 11 over both of its platforms: sentri's middleware as guards of Nest, its error handler as a filter.
import "reflect-metadata";
import { All, Bind, Catch, Controller, Module, Req, UseGuards } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { ExpressAdapter } from "@nestjs/platform-express";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import { createAuthExpress } from "../../../npm/dist/esm/express.mjs";
import { createAuthFastify } from "../../../npm/dist/esm/fastify.mjs";

/** A guard of Nest over a middleware of Express or a hook of Fastify. */
const guardOf = (middleware) => ({
  canActivate(context) {
    const http = context.switchToHttp();
    return new Promise((resolve, reject) => {
      middleware(http.getRequest(), http.getResponse(), (error) => (error ? reject(error) : resolve(true)));
    });
  },
});

function moduleOf(routes) {
  class Routes {}
  routes.forEach(({ path, guards, answer }, i) => {
    Routes.prototype[`route${i}`] = async (req) => answer(req);
    const at = [Routes.prototype, `route${i}`, Object.getOwnPropertyDescriptor(Routes.prototype, `route${i}`)];
    All(path)(...at);
    UseGuards(...guards.map(guardOf))(...at);
    Bind(Req())(...at);
  });
  Controller()(Routes);
  class App {}
  Module({ controllers: [Routes] })(App);
  return App;
}

function filterOf(handle) {
  class Filter {
    catch(error, host) {
      const http = host.switchToHttp();
      handle(error, http.getRequest(), http.getResponse());
    }
  }
  Catch()(Filter);
  return new Filter();
}

async function listen(app, auth, handle) {
  app.useGlobalFilters(filterOf(handle));
  await app.listen(0, "127.0.0.1");
  return app.getHttpServer();
}

const silent = { logger: false };

/** Nest, in the form of support/frameworks.mjs. */
export const nests = {
  "Nest 11, platform-express": {
    create: createAuthExpress,
    user: (req) => req.user,
    async start(auth, routes, { mount, trust }) {
      const app = await NestFactory.create(moduleOf(routes), new ExpressAdapter(), { ...silent, bodyParser: false });
      if (trust) app.set("trust proxy", 1);
      app.use(mount, auth.router());
      const handle = auth.errorHandler();
      return listen(app, auth, (error, req, res) => handle(error, req, res, () => res.end()));
    },
  },
  "Nest 11, platform-fastify": {
    create: createAuthFastify,
    user: (request) => request.user,
    async start(auth, routes, { mount, trust }) {
      const adapter = new FastifyAdapter({
        trustProxy: trust && "loopback",
        genReqId: () => "",
        frameworkErrors: auth.errorHandler(),
      });
      const app = await NestFactory.create(moduleOf(routes), adapter, silent);
      await app.register(auth.plugin(), { prefix: mount });
      return listen(app, auth, auth.errorHandler());
    },
  },
};
