import { deepEqual, equal, rejects } from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";
import type { SandboxProcess, SandboxTask, SandboxTasks } from "@crib/sandboxer";
import type { DeleteResponse } from "@crib/wire/task";

import type { TaskClient } from "../types.ts";
import { tellController } from "./tell-controller.ts";

const never = new AbortController().signal;
const idle = { stdin: "", stdout: "", stderr: "" };

/** A task client over a controller, and what both were told, in order. */
class Scene implements SandboxTasks {
  readonly told: string[] = [];
  readonly tasks: SandboxTask[] = [];
  readonly processes: SandboxProcess[] = [];
  readonly client: TaskClient;
  /** What the task service, or the controller, fails with; by the word that is told. */
  readonly failures = new Map<string, Error>();
  readonly service = { version: 3 };

  constructor() {
    const say = (word: string): void => this.#say(word);
    const calls = {
      create: async () => (say("create"), 42),
      exec: async () => say("exec"),
      delete: async (_id: string, execId: string) => (say(`delete ${execId}`), {} as DeleteResponse),
    };
    const log = (level: string, message: string): number => this.told.push(`${level}: ${message}`);
    const service = Object.assign(this.service, calls) as unknown as TaskClient;
    this.client = tellController(service, { sandboxId: "pod", controller: this, log });
  }

  async add(sandboxId: string, task: SandboxTask): Promise<void> {
    this.tasks.push(task);
    this.#say(`add ${sandboxId} ${task.id}`);
  }

  async remove(sandboxId: string, taskId: string): Promise<void> {
    this.#say(`remove ${sandboxId} ${taskId}`);
  }

  async addProcess(sandboxId: string, taskId: string, process: SandboxProcess): Promise<void> {
    this.processes.push(process);
    this.#say(`addProcess ${sandboxId} ${taskId} ${process.execId}`);
  }

  async removeProcess(sandboxId: string, taskId: string, execId: string): Promise<void> {
    this.#say(`removeProcess ${sandboxId} ${taskId} ${execId}`);
  }

  #say(word: string): void {
    this.told.push(word);
    const failure = this.failures.get(word);
    if (failure) throw failure;
  }
}

async function bundle(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "crib-table-"));
  t.after(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, "config.json"), '{"process":{}}');
  return directory;
}

test("the controller knows of a task before the service, and its root is the bundle's unless another is given", async (t) => {
  const scene = new Scene();
  const directory = await bundle(t);
  const streams = { stdin: "", stdout: "ttrpc+vsock://3:1024?streaming_id=a-stdout", stderr: "" };
  equal(await scene.client.create({ id: "a", bundle: directory, ...streams }, never), 42);
  deepEqual(scene.told, ["add pod a", "create"]);
  const rootfs = [{ type: "bind", source: join(directory, "rootfs"), target: "", options: ["rbind", "rw"] }];
  deepEqual(scene.tasks, [{ id: "a", spec: '{"process":{}}', rootfs, ...streams }]);
  const overlay = { type: "overlay", source: "overlay", options: ["lowerdir=/a"] };
  await scene.client.create({ id: "b", bundle: directory, rootfs: [overlay] }, never);
  deepEqual(scene.tasks[1]?.rootfs, [{ ...overlay, target: "" }]);
  scene.service.version = 2;
  equal(scene.client.version, 2);
});

test("a process is told with its specification before it is registered, and forgotten when it is deleted", async () => {
  const scene = new Scene();
  const spec = {
    typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Process",
    value: Buffer.from('{"args":[]}'),
  };
  await scene.client.exec({ id: "a", execId: "e", spec, stdin: "/fifo" }, never);
  await scene.client.delete("a", "e", never);
  await scene.client.delete("a", "", never);
  deepEqual(scene.told, ["addProcess pod a e", "exec", "delete e", "removeProcess pod a e", "delete ", "remove pod a"]);
  deepEqual(scene.processes, [{ execId: "e", process: '{"args":[]}', ...idle, stdin: "/fifo" }]);
});

test("what could not be made is taken back; the reason is what is told, also when that fails", async (t) => {
  const scene = new Scene();
  const directory = await bundle(t);
  scene.failures.set("create", new StatusError(Code.Internal, "no room"));
  await rejects(scene.client.create({ id: "a", bundle: directory }, never), { message: "no room" });
  scene.failures.set("addProcess pod a e", new StatusError(Code.Unavailable, "gone"));
  scene.failures.set("removeProcess pod a e", new StatusError(Code.Unavailable, "gone"));
  await rejects(scene.client.exec({ id: "a", execId: "e" }, never), { code: Code.Unavailable });
  deepEqual(scene.told, [
    "add pod a",
    "create",
    "remove pod a",
    "addProcess pod a e",
    "removeProcess pod a e",
    "warn: controller still counts a task that was not made",
  ]);
});

test("a task that is there already keeps what was prepared for it", async (t) => {
  const scene = new Scene();
  scene.failures.set("create", new StatusError(Code.AlreadyExists, "a"));
  await rejects(scene.client.create({ id: "a", bundle: await bundle(t) }, never), { code: Code.AlreadyExists });
  deepEqual(scene.told, ["add pod a", "create"]);
});

test("a deletion counts when both know it; one that failed leaves the task in the table", async () => {
  const scene = new Scene();
  scene.failures.set("delete ", new StatusError(Code.FailedPrecondition, "it runs"));
  await rejects(scene.client.delete("a", "", never), { code: Code.FailedPrecondition });
  deepEqual(scene.told.splice(0), ["delete "]);
  scene.failures.set("delete ", new StatusError(Code.NotFound, "no such task"));
  await rejects(scene.client.delete("a", "", never), { code: Code.NotFound });
  deepEqual(scene.told.splice(0), ["delete ", "remove pod a"]);
  scene.failures.delete("delete ");
  scene.failures.set("remove pod a", new StatusError(Code.Unavailable, "gone"));
  await rejects(scene.client.delete("a", "", never), { code: Code.Unavailable });
});

test("a bundle without a specification is refused before anybody is told", async () => {
  const scene = new Scene();
  await rejects(scene.client.create({ id: "a", bundle: "/nonexistent" }, never), { code: Code.NotFound });
  deepEqual(scene.told, []);
});
