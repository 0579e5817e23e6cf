import { equal, match, ok } from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { writeFixturePlugins } from "./testing/fixture-plugins.ts";
import { readmeExample } from "./testing/readme-example.ts";
import { openTempDir } from "./testing/temp-dir.ts";

test("the example of the README is the one that runs", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const example = /```ts\n([^]*?)```/.exec(readme)?.[1]?.trimEnd() ?? "";
  match(example, /cni\.add/);
  const source = await readFile(new URL("./testing/readme-example.ts", import.meta.url), "utf8");
  ok(source.replaceAll("\n  ", "\n").includes(example));

  await using dir = await openTempDir();
  const [conf, plugins] = [join(dir.path, "net.d"), join(dir.path, "bin")] as const;
  await mkdir(conf);
  await mkdir(plugins);
  await writeFixturePlugins(plugins);
  const config = { cniVersion: "1.0.0", name: "example", plugins: [{ type: "address" }] };
  await writeFile(join(conf, "10-example.conflist"), JSON.stringify(config));
  equal(await readmeExample(conf, plugins, join(dir.path, "cache")), "10.231.1.2");
});
