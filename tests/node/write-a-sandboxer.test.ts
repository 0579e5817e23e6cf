import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { startContainerNode } from "../support/containers/container-node.ts";
import { cribOf } from "../support/crib-of.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import { outputOf, runProgram } from "../support/run-program.ts";
import { guideText, startGuideProgram, writeGuide } from "../support/sandboxers/guide.ts";

const root = join(import.meta.dirname, "../..");
/** Ends when it is told to, which `sleep` as the first process would not. */
const sleeping = ["sh", "-c", "hostname; trap 'exit 0' TERM; sleep 3600 & wait"];

test("the programs of the guide have no type errors, and its configuration is one", async (t) => {
  const { folder } = writeGuide(t);
  const settings = { extends: join(root, "tsconfig.json"), include: ["*.ts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
  const [types, config] = await Promise.all([
    runProgram([join(root, "node_modules/.bin/tsc"), "--noEmit", "-p", folder], { mayFail: true }),
    outputOf(join(root, "bin/crib"), "config", "--check", join(folder, "crib.toml")),
  ]);
  equal(types.stdout, "");
  match(config, /: valid\n$/);
});

test("the controller of the guide keeps all promises of controllers, as the guide shows", needsRoot, async (t) => {
  const { folder } = writeGuide(t);
  // A test runner that runs in a test tells nobody of its tests, unless it does not know.
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
  const args = ["--test", "--test-reporter=spec", "controller.test.ts"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, env, timeout: 300_000 });
  const names = (text: string): readonly string[] =>
    [...text.matchAll(/^ {2}✔ (.*) \([\d.]+ms\)$/gm)].map(([, name = ""]) => name).toSorted();
  ok(names(stdout).length > 10, stdout);
  deepEqual(names(stdout), names(guideText));
});

test("the story of the guide: a pod in a sandboxer that is killed, and one in a shim", needsRoot, async (t) => {
  const guide = writeGuide(t);
  const [, sandboxer] = await Promise.all([
    startGuideProgram(t, guide, "tasks.ts"),
    startGuideProgram(t, guide, "sandboxer.ts"),
  ]);
  const { node, busybox } = await startContainerNode(t, {
    config: () => ({ runtimes: guide.tables("runtimes"), sandboxers: guide.tables("sandboxers") }),
  });
  const crib = cribOf(node);
  const inspect = async (name: string): Promise<{ readonly info: Record<string, unknown> }> =>
    JSON.parse(await crib.prints(["inspect", name])) as { readonly info: Record<string, unknown> };
  const run = (handler: string, name: string): Promise<string> =>
    crib.prints(["run", "-d", "--runtime-handler", handler, "--name", name, busybox, ...sleeping]);

  const [id = ""] = (await run("mine", "box")).split("\n");
  const { info } = await inspect("box");
  equal(info["controller"], "mine");
  const { ipc, uts } = info["namespaces"] as Record<string, string>;
  deepEqual(
    { ipc, uts },
    { ipc: join(guide.stateDir, "pods", id, "ipc"), uts: join(guide.stateDir, "pods", id, "uts") },
  );
  await eventually(10_000, async () => equal(await crib.prints(["logs", "box"]), "box\n"));

  await t.test("without its sandboxer the pod is pending, and its container runs", async () => {
    await sandboxer.end("SIGKILL");
    await eventually(10_000, async () => ok((await inspect("box")).info["pending"]));
    equal(await crib.prints(["exec", "box", "hostname"]), "box\n");
    const { exitCode, stderr } = await crib(["run", "--runtime-handler", "mine", busybox, "true"]);
    equal(exitCode, 1);
    match(stderr, /sandboxer "mine" at ".*" cannot be reached since .*: nobody listens at its socket/);
  });

  await t.test("the next one has it back, and removes it", async () => {
    const next = await startGuideProgram(t, guide, "sandboxer.ts");
    await eventually(10_000, () =>
      match(next.log(), new RegExp(`"took over a sandbox","sandboxId":"${id}","state":"ready"`)),
    );
    await eventually(10_000, async () => equal((await inspect("box")).info["pending"], undefined));
    deepEqual(await node.list(), new Map([[id, "READY"]]));
    equal(await crib.prints(["exec", "box", "hostname"]), "box\n");
    equal(await crib.prints(["rm", "-f", "box"]), "box\n");
    deepEqual(readdirSync(join(guide.stateDir, "pods")), []);
  });

  await t.test("the same controller serves as a shim", async () => {
    const [shimmed = ""] = (await run("mine-shim", "solo")).split("\n");
    equal((await inspect("solo")).info["controller"], "shim");
    await eventually(10_000, async () => equal(await crib.prints(["logs", "solo"]), "solo\n"));
    equal(await crib.prints(["rm", "-f", "solo"]), "solo\n");
    ok(!existsSync(join(`${guide.stateDir}-shims`, shimmed)));
  });
  deepEqual(await node.leftovers(), []);
});
