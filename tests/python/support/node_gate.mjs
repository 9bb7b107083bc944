// An application of a Node framework behind the idempotency gate: `node node_gate.mjs <framework> <Redis>`; writes its
// port when it listens.
import { once } from "node:events";
import { gates } from "../../node/support/gates.mjs";

const [, , name, redisUrl] = process.argv;
const { standalone, start } = gates[name];
const gate = standalone({ redisUrl, ttl: 30_000 });
const server = await start(gate, { "/order": () => ({ status: 201, json: { by: "node" } }) });
if (!server.listening) await once(server, "listening");
console.log(server.address().port);
