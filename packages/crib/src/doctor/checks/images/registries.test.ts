import { deepEqual, ok } from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { parseConfig } from "../../../daemon/config/load-config.ts";
import type { CheckResult } from "../types.ts";
import { registries } from "./registries.ts";

async function check(text: string): Promise<readonly CheckResult[]> {
  const parsed = parseConfig(text);
  ok(parsed.kind === "valid");
  return await registries.run(parsed.config);
}

test("mirrors and credentials that cannot be used are named, without what is in them", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "crib-doctor-"));
  t.after(() => rm(dir, { recursive: true }));
  for (const [host, text] of [
    ["good", 'server = "https://x"'],
    ["bad", "server ="],
  ] as const) {
    await mkdir(join(dir, "certs.d", host), { recursive: true });
    await writeFile(join(dir, "certs.d", host, "hosts.toml"), text);
  }
  await mkdir(join(dir, "certs.d", "certificates-only"));
  const files: Record<string, string> = {
    closed: '{"auths": {"x": {"auth": "bWU6aHVudGVyMg=="}}}',
    open: "{}",
    broken: '{"auths": hunter2}',
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(dir, name), text);
    await chmod(join(dir, name), name === "open" ? 0o644 : 0o600);
  }
  const auth = ["closed", "open", "broken", "missing"].map((name) => JSON.stringify(join(dir, name)));
  const results = await check(
    `[registry]\nconfig_path = ["${join(dir, "certs.d")}", "/nonexistent"]\nauth_files = [${auth.join()}]`,
  );
  deepEqual(
    results.map(({ level }) => level),
    ["warn", "ok", "ok", "warn", "warn", "warn"],
  );
  ok(!JSON.stringify(results).includes("hunter2"));
  ok(results.every(({ level, advice }) => level === "ok" || advice));
});

test("without mirrors and credentials there is nothing to say", async () => {
  deepEqual(await check('[registry]\nconfig_path = ["/nonexistent"]'), []);
});
