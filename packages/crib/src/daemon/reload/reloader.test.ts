import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import type { SandboxRecord, TakenUp } from "@crib/core/sandbox";
import { Code } from "@crib/errdefs";
import { type SandboxController, serveSandboxer } from "@crib/sandboxer";

import { type ConfigCheck, parseConfig } from "../config/load-config.ts";
import type { DaemonConfig } from "../config/types.ts";
import { Controllers } from "../handlers/controllers.ts";
import { HandlerRegistry, judgeHandler } from "../handlers/handler-registry.ts";
import type { Log } from "../log.ts";
import { Reloader } from "./reloader.ts";

const log = Object.fromEntries(["debug", "info", "warn", "error"].map((level) => [level, () => {}])) as unknown as Log;
/** Never called: no pod is run here. */
const idle = {} as SandboxController;

function config(text: string): DaemonConfig {
  const check = parseConfig(text);
  if (check.kind === "invalid") throw new Error(check.problems.join("\n"));
  return check.config;
}

/** A daemon without a daemon; `write` sets what the file says. */
class Scene implements AsyncDisposable {
  readonly handlers = new HandlerRegistry("plain");
  readonly controllers: Controllers;
  readonly reloader: Reloader;
  /** Handler and controller of each pod. */
  pods: { readonly name: string; readonly controller: string }[] = [];
  /** What was asked of the service of pods, in order. */
  readonly asked: string[] = [];
  /** What becomes of pods that waited for a sandboxer. */
  takenUp: TakenUp = { ready: 0, waiting: 0, ended: 0 };
  /** Called when networks are opened: something else may happen then. */
  meanwhile: () => void = () => {};
  #text: string;

  constructor(text: string) {
    this.#text = text;
    const own = new Map([["embedded", idle]]);
    const handlerOf = (): never => {
      throw new Error("no pod is run here");
    };
    this.controllers = new Controllers({ own, stateDir: "/nowhere", handlerOf, log: () => {} });
    this.reloader = new Reloader({
      config: config(text),
      readConfig: (): ConfigCheck => parseConfig(this.#text),
      handlers: this.handlers,
      controllers: this.controllers,
      networks: { open: async () => this.meanwhile(), closeUnused: () => {} },
      sandboxes: {
        quarantine: (name) =>
          void this.asked.push(`quarantine ${name}${this.controllers.all.has(name) ? "" : ", gone"}`),
        takeUp: async (name) => {
          this.asked.push(`take up ${name}${this.controllers.all.has(name) ? "" : ", gone"}`);
          return this.takenUp;
        },
      },
      store: { list: () => this.pods.map((handler) => ({ plan: { handler } }) as unknown as SandboxRecord) },
      log,
    });
  }

  static async open(text: string): Promise<Scene> {
    const scene = new Scene(text);
    const { sandboxers, runtimes } = config(text);
    for (const sandboxer of Object.values(sandboxers)) scene.controllers.open(sandboxer);
    const names = [...scene.controllers.all.keys()];
    for (const handler of Object.values(runtimes)) scene.handlers.set(await judgeHandler(handler, names));
    return scene;
  }

  write(text: string): void {
    this.#text = text;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.controllers[Symbol.asyncDispose]();
  }
}

/** A sandboxer that has no sandboxes. Gives the path of its socket. */
async function serveNothing(t: TestContext): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "crib-reloader-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const address = join(dir, "vmm.sock");
  const served = await serveSandboxer({ name: "vmm", address: `unix://${address}`, stateDir: dir, controller: idle });
  t.after(() => served[Symbol.asyncDispose]());
  return address;
}

const plain = '[runtime]\ndefault_handler = "plain"\n[runtimes.plain]\ncontroller = "embedded"\n';
const vmm = '[sandboxers.vmm]\naddress = "/nowhere/vmm.sock"\n';
const vm = '[runtimes.vm]\ncontroller = "vmm"\n';

test("a sandboxer and its handler come, change and go while no pod uses them", async () => {
  await using scene = await Scene.open(plain);
  const { reloader, controllers, handlers } = scene;
  scene.write(plain + vmm + vm);
  deepEqual((await reloader.reload()).changed, ['sandboxer "vmm": added', 'runtime handler "vm": added']);
  ok(controllers.all.has("vmm"));
  equal(handlers.whyBroken("vm"), undefined);

  const before = controllers.all.get("vmm");
  scene.write(plain + vmm.replace("vmm.sock", "other.sock") + vm);
  deepEqual((await reloader.reload()).changed, ['sandboxer "vmm": changed']);
  ok(controllers.all.get("vmm") !== before);
  equal(reloader.config.sandboxers["vmm"]?.address, "/nowhere/other.sock");

  scene.write(plain + vm);
  const { changed, broken } = await reloader.reload();
  deepEqual(changed, ['sandboxer "vmm": removed']);
  deepEqual(broken, ['runtime handler "vm": no controller named "vmm"; there is "embedded"']);

  scene.write(plain);
  deepEqual((await reloader.reload()).changed, ['runtime handler "vm": removed']);
  deepEqual((await reloader.reload()).changed, []);
  deepEqual([...handlers.names], ["plain"]);
});

test("what pods use stays, until they are gone", async (t) => {
  const address = await serveNothing(t);
  await using scene = await Scene.open(plain + vmm.replace("/nowhere/vmm.sock", address) + vm);
  const { reloader, controllers, handlers } = scene;
  scene.pods = [
    { name: "vm", controller: "vmm" },
    { name: "vm", controller: "vmm" },
  ];
  scene.write(plain);
  const first = await reloader.reload();
  deepEqual(first.kept, [
    'sandboxer "vmm": not removed, 2 pods use it',
    'runtime handler "vm": not removed, 2 pods use it',
  ]);
  deepEqual(first.changed, []);
  ok(controllers.all.has("vmm") && handlers.handlers.has("vm") && "vm" in reloader.config.runtimes);
  scene.pods = [];
  deepEqual((await reloader.reload()).changed, ['sandboxer "vmm": removed', 'runtime handler "vm": removed']);
});

test("a sandboxer that cannot be reached goes although pods use it, which are kept without it", async () => {
  await using scene = await Scene.open(plain + vmm + vm);
  const { reloader, controllers } = scene;
  scene.pods = [
    { name: "vm", controller: "vmm" },
    { name: "vm", controller: "vmm" },
  ];
  scene.write(plain + vmm.replace("vmm.sock", "other.sock") + vm);
  deepEqual((await reloader.reload()).kept, ['sandboxer "vmm": not changed, 2 pods use it']);
  scene.write(plain);
  const { changed, kept, broken } = await reloader.reload();
  deepEqual(changed, ['sandboxer "vmm": removed, although 2 pods use it: its socket does not exist']);
  deepEqual(kept, ['runtime handler "vm": not removed, 2 pods use it']);
  deepEqual(broken, ['runtime handler "vm": no controller named "vmm"; there is "embedded"']);
  deepEqual(scene.asked, ["quarantine vmm"]);
  ok(!controllers.all.has("vmm"));
});

test("pods that have waited for a sandboxer are taken up when it comes", async () => {
  await using scene = await Scene.open(plain);
  scene.pods = [{ name: "vm", controller: "vmm" }];
  scene.takenUp = { ready: 2, waiting: 1, ended: 1 };
  scene.write(plain + vmm);
  const { changed, kept } = await scene.reloader.reload();
  deepEqual(changed, [
    'sandboxer "vmm": added',
    'sandboxer "vmm": 2 pods are taken up again',
    'sandboxer "vmm": a pod is not there any more',
  ]);
  deepEqual(kept, ['sandboxer "vmm": a pod is not ready until it answers']);
  deepEqual(scene.asked, ["take up vmm"]);
});

test("a pod that is begun while the rest of a reload is made ready keeps its handler and its controller", async () => {
  // Nobody uses it when it is looked at, so that it is not asked whether it is there.
  await using scene = await Scene.open(plain + vmm + vm);
  scene.write(plain);
  scene.meanwhile = () => scene.pods.push({ name: "vm", controller: "vmm" });
  const { kept, broken } = await scene.reloader.reload();
  equal(kept.length, 2);
  deepEqual(broken, []);
});

test("the default handler stays, and its change waits for a start", async () => {
  await using scene = await Scene.open(plain);
  scene.write(plain.replaceAll("plain", "other"));
  const report = await scene.reloader.reload();
  deepEqual(report, {
    changed: ['runtime handler "other": added'],
    kept: ['runtime handler "plain": not removed, it is the default handler until crib is started again'],
    needsRestart: ["[runtime] default_handler"],
    broken: [],
  });
});

test("a file with a mistake changes nothing", async () => {
  await using scene = await Scene.open(plain);
  for (const [text, mistake] of [
    [
      `${plain}[sandboxers.embedded]\naddress = "/nowhere/x.sock"`,
      /\[sandboxers.embedded\]: a controller of this name/,
    ],
    [`${plain + vmm}[runtimes.x]\ncontroler = "vmm"`, /unknown key controler in \[runtimes.x\]/],
    ["[", /line 1, column/],
  ] as const) {
    scene.write(text);
    await rejects(scene.reloader.reload(), { code: Code.InvalidArgument, message: mistake });
    deepEqual([...scene.handlers.names, ...scene.controllers.sandboxers.keys()], ["plain"]);
  }
});

test("a broken handler is usable as soon as what it lacked is there", async () => {
  await using scene = await Scene.open(plain + vm);
  equal(scene.handlers.broken.length, 1);
  for (const sandboxer of Object.values(config(plain + vmm).sandboxers)) scene.controllers.open(sandboxer);
  await scene.reloader.recheck();
  deepEqual(scene.handlers.broken, []);
  deepEqual(scene.handlers.all.map(({ handler }) => handler.name).toSorted(), ["plain", "vm"]);
});
