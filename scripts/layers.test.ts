import { deepEqual, ok } from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..");

/** Imports point down only (docs/design/house.md): a package may use those of lower floors, never a neighbour. */
const floors: Readonly<Record<string, number>> = {
  "@crib/errdefs": 0,
  "@crib/grpc": 1,
  "@crib/wire": 1,
  "@crib/oci-spec": 1,
  "@crib/ttrpc": 2,
  "@crib/libcni": 2,
  "@crib/sandboxer": 2,
  "@crib/cri-client": 2,
  "@crib/linux": 2,
  "@crib/registry": 2,
  "@crib/streaming": 2,
  "@crib/nri": 2,
  "@crib/core": 3,
  "@crib/cri": 4,
  crib: 5,
};

/** Packages that are useful alone: what they may import is less than what their floor allows. */
const only: Readonly<Record<string, readonly string[]>> = {
  "@crib/grpc": ["@crib/errdefs"],
  "@crib/ttrpc": ["@crib/errdefs"],
  "@crib/libcni": ["@crib/errdefs"],
  "@crib/linux": ["@crib/errdefs"],
  "@crib/oci-spec": ["@crib/errdefs"],
  "@crib/registry": ["@crib/errdefs", "@crib/oci-spec"],
  "@crib/streaming": ["@crib/errdefs"],
};

interface Import {
  readonly file: string;
  readonly name: string;
}

function packageOf(file: string): string {
  const [, folder = ""] = relative(root, file).split("/");
  return folder === "crib" ? "crib" : `@crib/${folder}`;
}

function importsOf(file: string): readonly Import[] {
  const text = readFileSync(file, "utf8");
  const found = text.matchAll(
    /^\s*(?:import|export)[^"';]*?from\s+"([^"]+)"|^\s*import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm,
  );
  return [...found].map((match) => ({ file: relative(root, file), name: match[1] ?? match[2] ?? match[3] ?? "" }));
}

const sources = globSync(join(root, "packages/*/src/**/*.ts"));
const all = sources.flatMap((file) => importsOf(file).map((entry) => ({ ...entry, from: packageOf(file) })));

function target(name: string): string | undefined {
  return name.startsWith("@crib/") ? name.split("/").slice(0, 2).join("/") : undefined;
}

test("the check reads what it is to check", () => {
  ok(sources.length > 100, `only ${sources.length} sources found`);
  ok(all.filter(({ name }) => target(name) !== undefined).length > 100, "hardly an import between packages found");
});

test("imports between packages point down", () => {
  const upward = all.filter(({ from, name, file }) => {
    const to = target(name);
    if (to === undefined || to === from || file.endsWith(".test.ts")) return false;
    const floor = floors[to];
    return (
      floor === undefined || floor >= (floors[from] ?? -1) || (only[from] !== undefined && !only[from].includes(to))
    );
  });
  // Libraries' neighbours on the same floor that they are made for.
  const allowed = new Set([
    "@crib/cri-client>@crib/streaming",
    "@crib/sandboxer>@crib/ttrpc",
    "@crib/sandboxer>@crib/linux",
    "@crib/nri>@crib/ttrpc",
    "@crib/nri>@crib/linux",
  ]);
  deepEqual(
    upward
      .filter(({ from, name }) => !allowed.has(`${from}>${target(name) ?? ""}`))
      .map(({ file, name }) => `${file} imports ${name}`),
    [],
  );
});

test("the command line imports no service", () => {
  const services = ["@crib/core", "@crib/cri", "@crib/linux", "@crib/libcni", "@crib/sandboxer", "@crib/ttrpc"];
  const wrong = all.filter(
    ({ file, name }) =>
      file.startsWith("packages/crib/src/cli/") && !file.endsWith(".test.ts") && services.includes(target(name) ?? ""),
  );
  deepEqual(
    wrong.map(({ file, name }) => `${file} imports ${name}`),
    [],
  );
});

test("a package is imported by name and never reached into", () => {
  const deep = all.filter(({ file, name }) => {
    if (!name.startsWith("..")) return false;
    const path = relative(root, join(root, dirname(file), name));
    return path.split("/").slice(0, 2).join("/") !== file.split("/").slice(0, 2).join("/");
  });
  deepEqual(
    deep.map(({ file, name }) => `${file} imports ${name}`),
    [],
  );
});

test("the folders are the floors", () => {
  const folders = globSync(join(root, "packages/*/package.json")).map(
    (path) => (JSON.parse(readFileSync(path, "utf8")) as { name: string }).name,
  );
  deepEqual(folders.toSorted(), Object.keys(floors).toSorted());
});
