// Writes the bill of materials of a release as CycloneDX 1.6 into target/sbom: crates, npm packages and the packages of
// npm and PyPI that they are in. --out: another folder.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bundled, checksums, crates, isOwn, version } from "./dependencies.mjs";
import { PLATFORMS } from "./platform.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const { values } = parseArgs({ options: { out: { type: "string" } } });
const out = values.out ?? join(root, "target/sbom");
const ISC = [{ license: { id: "ISC" } }];
const hashes = checksums();
const components = new Map();
const dependencies = new Map();

const main = `pkg:npm/sentri@${version}`;
const wheel = `pkg:pypi/sentri@${version}`;
const natives = Object.keys(PLATFORMS).map((platform) => [platform, `pkg:npm/sentri-${platform}@${version}`]);
addAll("npm", bundled());
addOwn(main, "sentri", [...bundled().map((one) => purl("npm", one)), ...natives.map(([, ref]) => ref)]);
for (const [platform, ref] of natives) addOwn(ref, `sentri-${platform}`, addCrates("node", platform));
addOwn(wheel, "sentri", addCrates("python"));

const file = join(out, `sentri-${version}.cdx.json`);
mkdirSync(out, { recursive: true });
writeFileSync(file, `${JSON.stringify(document(), null, 2)}\n`);
console.log(file);

function document() {
  const product = `sentri@${version}`;
  dependencies.set(product, [main, wheel]);
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: { type: "library", "bom-ref": product, name: "sentri", version, licenses: ISC } },
    components: [...components.values()],
    dependencies: [...dependencies].map(([ref, dependsOn]) => ({ ref, dependsOn })),
  };
}

function addOwn(ref, name, dependsOn) {
  components.set(ref, { type: "library", "bom-ref": ref, name, version, purl: ref, licenses: ISC });
  dependencies.set(ref, dependsOn);
}

/** Adds the crates of a binding. Returns the references of those that our own crates use directly. */
function addCrates(binding, platform) {
  const found = crates(binding, platform);
  const others = found.filter((crate) => !isOwn(crate));
  addAll("cargo", others);
  const byId = new Map(others.map((crate) => [`${crate.name} ${crate.version}`, crate]));
  const direct = found.filter(isOwn).flatMap(({ uses }) => uses.filter((id) => byId.has(id)));
  return [...new Set(direct)].sort().map((id) => purl("cargo", byId.get(id)));
}

/** Adds components with their dependencies, joined over platforms: a crate may use more on one than on another. */
function addAll(type, others) {
  const byId = new Map(others.map((one) => [`${one.name} ${one.version}`, one]));
  for (const { name, version: of, licence, source, uses, ...rest } of others) {
    const ref = purl(type, { name, version: of });
    const sha256 = hashes.get(`${name} ${of}`);
    components.set(ref, {
      type: "library",
      "bom-ref": ref,
      name,
      version: of,
      purl: ref,
      ...(rest.authors.length > 0 ? { authors: rest.authors.map((author) => ({ name: author })) } : {}),
      ...(type === "cargo" && sha256 ? { hashes: [{ alg: "SHA-256", content: sha256 }] } : {}),
      // A slash is Cargo's old spelling of OR.
      licenses: [{ expression: licence.replaceAll("/", " OR ") }],
      externalReferences: [{ type: "vcs", url: source }],
    });
    const used = uses.map((id) => purl(type, byId.get(id)));
    dependencies.set(ref, [...new Set([...(dependencies.get(ref) ?? []), ...used])].sort());
  }
}

function purl(type, { name, version: of }) {
  return `pkg:${type}/${name}@${encodeURIComponent(of)}`;
}
