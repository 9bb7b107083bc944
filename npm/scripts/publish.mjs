// Publishes the tarballs of a folder to npm. The native packages go first, so that an installation of `sentri` finds
// them. Versions that npm has already are skipped, so a release that broke off can be run again. --dry-run publishes
// nothing.
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({ options: { "dry-run": { type: "boolean" } }, allowPositionals: true });
const folder = resolve(positionals[0] ?? ".");
const { version } = JSON.parse(readFileSync(join(dirname(fileURLToPath(import.meta.url)), "../package.json"), "utf8"));
const main = `sentri-${version}.tgz`;
const tarballs = readdirSync(folder).filter((file) => file.endsWith(`-${version}.tgz`));
if (!tarballs.includes(main)) throw new Error(`${folder} has no ${main}`);

for (const tarball of [...tarballs.filter((file) => file !== main).sort(), main]) publish(tarball);

function publish(tarball) {
  const name = tarball.slice(0, -`-${version}.tgz`.length);
  if (!values["dry-run"] && isPublished(name)) return console.log(`${name}@${version} is published already`);
  const flags = values["dry-run"] ? ["--dry-run"] : ["--provenance"];
  // A pre-release such as 7.0.0-rc.1 gets its own tag, or `npm install sentri` would install it.
  const tag = /-([a-z]+)/.exec(version)?.[1] ?? "latest";
  execFileSync("npm", ["publish", join(folder, tarball), "--access", "public", "--tag", tag, ...flags], {
    stdio: "inherit",
  });
  console.log(`${name}@${version} ${values["dry-run"] ? "would be" : "is"} published as ${tag}`);
}

/** Returns whether npm has the version. Throws, and so ends the program, if npm fails for another reason. */
function isPublished(name) {
  const { status, stdout, stderr } = spawnSync("npm", ["view", `${name}@${version}`, "version", "--json"], {
    encoding: "utf8",
  });
  if (status === 0) return stdout.trim() !== "";
  if (/E404/.test(stdout + stderr)) return false;
  throw new Error(`npm view ${name}: ${stderr}`);
}
