import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { generate, generatedDirectory } from "./generate.ts";
import { readTables, type TableNode } from "./tables.ts";
import { indexTypes } from "./type-names.ts";

test("regenerating changes nothing", () => {
  const files = generate();
  deepEqual(readdirSync(generatedDirectory).toSorted(), [...files.keys()].toSorted());
  for (const [name, content] of files) {
    ok(readFileSync(new URL(name, generatedDirectory), "utf8") === content, `${name} is not what its table gives`);
  }
});

test("a relative type name means the innermost type of that name", () => {
  const empty = { fields: {} };
  const types = new Map<string, TableNode>([
    ["Status", empty],
    ["Outer", { fields: {}, nested: { Status: { values: { NONE: 0 } } } }],
  ]);
  const names = indexTypes(new Map([["a.b", types]]), {});
  equal(names.resolve("Status", "a.b.Outer"), "a.b.Outer.Status");
  equal(names.resolve("Status", "a.b"), "a.b.Status");
  ok(names.isEnum("a.b.Outer.Status"));
  throws(() => names.resolve("Missing", "a.b.Outer"), /no table has it/);
});

test("tables are joined by package", () => {
  const packages = readTables(new URL("../tables/", import.meta.url));
  ok(packages.get("containerd.types")?.has("Envelope"));
  ok(packages.get("containerd.types")?.has("Mount"));
});
