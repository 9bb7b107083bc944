// Checks Python wheels for a release: version, platform, licences, files that must be there and files that must not.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { version } from "./dependencies.mjs";
import { NOTICE, wheelNotice } from "./notices.mjs";
import { GLIBC_FLOOR, isAboveFloor, PLATFORMS } from "./platform.mjs";

const REQUIRED = ["sentri/__init__.py", "sentri/py.typed", "sentri/_native/__init__.py"];
const NATIVE = /^sentri\/_native\/(lib)?sentri_native\.(so|dylib|dll)$/;
const FILES = /^(sentri\/([\w/]+\.(py|pyi|json)|py\.typed)|sentri-[\d.a-z]+\.dist-info\/.+)$/;
const READ = `
import json, re, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    names = [one for one in wheel.namelist() if not one.endswith("/")]
    read = [one for one in names if one.split("/")[-1] in ("METADATA", "LICENSE", sys.argv[2])]
    texts = {one: wheel.read(one).decode() for one in read}
    libraries = [wheel.read(one) for one in names if one.endswith(".so")]
glibc = {found.decode() for library in libraries for found in re.findall(rb"\\bGLIBC_([0-9.]+)", library)}
print(json.dumps([names, texts, sorted(glibc)]))`;

/** The faults of the wheels in a folder, as sentences. `complete`: no platform may be missing. */
export function faultsOfWheels(folder, { complete = false } = {}) {
  const wheels = readdirSync(folder).filter((file) => file.endsWith(".whl"));
  const tags = Object.values(PLATFORMS).map(({ wheel }) => wheel);
  const missing = complete ? tags.filter((tag) => !wheels.some((file) => file.endsWith(`-${tag}.whl`))) : [];
  return [
    ...(wheels.length === 0 ? [`${folder} has no wheel`] : []),
    ...missing.map((tag) => `${folder} has no wheel for ${tag}`),
    ...wheels.flatMap((file) => faultsOf(join(folder, file), file)),
  ];
}

function faultsOf(path, file) {
  const [names, texts, glibc] = read(path);
  const info = `sentri-${version}.dist-info`;
  const faults = [];
  const expect = (holds, fault) => holds || faults.push(`${file}: ${fault}`);
  expect(file.startsWith(`sentri-${version}-py3-none-`), `is not named for version ${version} and every Python 3`);
  for (const name of names) expect(FILES.test(name) || NATIVE.test(name), `${name} is no file of a release`);
  for (const name of REQUIRED) expect(names.includes(name), `${name} is missing`);
  expect(names.filter((name) => NATIVE.test(name)).length === 1, "has not one native library");
  const newer = glibc.filter(isAboveFloor);
  expect(newer.length === 0, `asks for glibc ${newer}, the floor is ${GLIBC_FLOOR}`);
  expect(texts[`${info}/METADATA`]?.includes(`\nVersion: ${version}\n`), `has no metadata of ${version}`);
  expect(texts[`${info}/licenses/LICENSE`], "LICENSE is missing");
  expect(texts[`${info}/licenses/${NOTICE}`] === wheelNotice(), `${NOTICE} is not of the dependencies of this tree`);
  return faults;
}

function read(path) {
  const python = process.env.PYTHON ?? "python3";
  return JSON.parse(execFileSync(python, ["-c", READ, path, NOTICE], { encoding: "utf8", maxBuffer: 2 ** 26 }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const faults = faultsOfWheels(process.argv[2]);
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
