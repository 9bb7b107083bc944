// Users imported a second, beside what one would write by hand: the same rows, 500 to a statement, with nothing checked.
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import pg from "pg";
import { withSchema } from "./sides.mjs";

const { makeServer } = createRequire(import.meta.url)("../../npm/dist/engine.js");
const HASH = "$2b$10$pHx/P18t5tybTL7RUHrSQeb1lsbHJxiV/4pggo8LTPvl8Bkx2d2XK";
const USERS = 10_000;
const BATCH = 500;
const ROUNDS = 3;

const address = (round, number) => `user${round}-${number}@example.com`;

function* lines(round) {
  for (let id = 0; id < USERS; id += 1) {
    const identifiers = [{ type: "email", value: address(round, id), verified: true }];
    yield { id: `${round}-${id}`, identifiers, roles: ["user"], passwordHash: HASH };
  }
}

async function byHand(client, round) {
  for (let first = 0; first < USERS; first += BATCH) {
    const ids = Array.from({ length: BATCH }, () => randomUUID());
    const addresses = ids.map((_, i) => address(`hand${round}`, first + i));
    await client.query("BEGIN");
    await client.query(
      `INSERT INTO sentri_users (id, password_hash, roles, created_at)
       SELECT id, $2, '["user"]', now() FROM unnest($1::text[]) AS id`,
      [ids, HASH],
    );
    await client.query(
      `INSERT INTO sentri_identifiers (id, user_id, type, value, value_normalized, verified_at, created_at)
       SELECT gen_random_uuid()::text, of.id, 'email', of.value, of.value, now(), now()
       FROM unnest($1::text[], $2::text[]) AS of (id, value)`,
      [ids, addresses],
    );
    await client.query("COMMIT");
  }
}

async function rate(run) {
  const started = performance.now();
  await run();
  return USERS / ((performance.now() - started) / 1_000);
}

/** Prints by `row`. */
export function measureImports({ row, median, times }) {
  return withSchema(async (db) => {
    const auth = makeServer({ mode: "server", db, secret: "s".repeat(48), validRoles: ["user"] });
    const client = new pg.Client({ connectionString: db });
    await auth.migrate();
    await client.connect();
    const rates = { ours: [], hand: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      rates.ours.push(
        await rate(async () => {
          const { imported } = await auth.importUsers(lines(round), { format: "sentri" });
          if (imported !== USERS) throw new Error(`${imported} of ${USERS} users were imported`);
        }),
      );
      rates.hand.push(await rate(() => byHand(client, round)));
    }
    await client.end();
    await auth.close();
    const [ours, hand] = [median(rates.ours), median(rates.hand)];
    row(
      "import into PostgreSQL",
      `${Math.round(ours)} users/s`,
      `by hand ${Math.round(hand)} users/s`,
      times(ours / hand),
    );
  });
}
