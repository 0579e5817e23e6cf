import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import type { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { Code } from "@crib/errdefs";
import type { TaskEndpoint } from "@crib/sandboxer";

import { openExecStdio } from "../../io/index.ts";
import { countDescriptors, joinLog, readLog, StdioBench } from "../../io/testing/stdio-bench.ts";
import type { ExecStdio } from "../../io/types.ts";
import {
  type Protocol,
  type ServedEndpoint,
  serveTasks,
  type Transport,
  ways,
} from "../endpoints/testing/serve-tasks.ts";
import { createTaskServices, type OpenTaskServices, type TaskServicesOptions } from "../task-services.ts";
import type { TaskClient } from "../types.ts";
import { FakeGuest } from "./testing/fake-guest.ts";

const never = new AbortController().signal;

/** A pod whose tasks are in a guest. */
class Scene {
  readonly guest = new FakeGuest();
  readonly bench = new StdioBench();
  readonly notes: string[] = [];
  served!: ServedEndpoint;
  services!: OpenTaskServices;
  tasks!: TaskClient;

  static async open(
    t: TestContext,
    way: readonly [Protocol, Transport],
    options?: Partial<TaskServicesOptions>,
  ): Promise<Scene> {
    const scene = new Scene();
    scene.served = await serveTasks(t, way, scene.guest.services);
    t.after(async () => {
      scene.services.close();
      await scene.bench[Symbol.asyncDispose]();
    });
    await scene.connect(options);
    return scene;
  }

  /** As a daemon that starts. */
  async connect(options: Partial<TaskServicesOptions> = {}): Promise<void> {
    const endpoint = async (): Promise<TaskEndpoint> => ({ ...this.served.endpoint, version: 3, io: "streaming" });
    const declares = { netns: "crib", network: "parallel", localTasks: false } as const;
    const log = (_level: string, message: string): number => this.notes.push(message);
    this.services = createTaskServices({
      controllerOf: () => ({ endpoint, declares }),
      connectMs: 1_000,
      log,
      ...options,
    });
    this.tasks = (await this.services.of("pod", never)).tasks;
  }

  /** FIFOs of an additional process. */
  async exec(t: TestContext, execId: string): Promise<ExecStdio> {
    const dir = `${this.bench.directory}/exec/${execId}`;
    const stdio = await openExecStdio({ dir, stdin: true, stdout: true, stderr: true }, never);
    t.after(() => stdio.close());
    await this.tasks.exec({ id: "a", execId, ...stdio.paths }, never);
    await this.tasks.start("a", execId, never);
    return stdio;
  }

  text(): string {
    return joinLog(readLog(this.bench.logPath));
  }
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let count = 0; count < 12_000; count += 1) {
    if (isSo()) return;
    await delay(5);
  }
  throw new Error(`it never came: ${what}`);
}

async function digest(source: Readable): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of source) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** One container from its creation to its deletion, with what it says in its log. */
async function runContainer(t: TestContext, scene: Scene, id: string): Promise<void> {
  const { guest, bench, tasks } = scene;
  const path = `${bench.directory}/logs/${id}.log`;
  const dir = `${bench.directory}/${id}`;
  const stdio = await bench.open(t, { path }, { id, dir, stdin: true, stdinOnce: true });
  equal(await tasks.create({ id, ...stdio.paths }, never), 0);
  guest.say(`${id}-stdout`, "hello\n");
  guest.say(`${id}-stderr`, "no\n");
  for (const name of ["stdout", "stderr"]) guest.end(`${id}-${name}`);
  equal(await stdio.drained(60_000), true);
  equal(joinLog(readLog(path)), "hello\n");
  equal(joinLog(readLog(path), "stderr"), "no\n");
  guest.exit(id, 3);
  equal((await tasks.wait(id, "", never)).exitStatus, 3);
  await stdio.close();
  await tasks.delete(id, "", never);
}

for (const way of ways) {
  test(`${way.join(" over ")}: a container's streams come to its log, and nothing stays`, async (t) => {
    const scene = await Scene.open(t, way);
    await runContainer(t, scene, "a");
    const { protocol, address } = scene.served.endpoint;
    const url = (name: string): string => `${protocol}+${address}?streaming_id=a-${name}`;
    const [request] = scene.guest.created;
    deepEqual([request?.stdin, request?.stdout, request?.stderr], ["stdin", "stdout", "stderr"].map(url));
    // Threads that were started with the first have their own.
    await delay(50);
    const before = countDescriptors();
    for (const id of ["b", "c"]) await runContainer(t, scene, id);
    await until(() => countDescriptors() <= before, "descriptors that are closed");
    deepEqual(scene.notes, []);
  });
}

for (const way of [ways[0], ways[3]] as readonly (readonly [Protocol, Transport])[]) {
  test(`${way.join(" over ")}: 10 MiB each way at the same time arrive as they were`, async (t) => {
    const scene = await Scene.open(t, way);
    const { guest } = scene;
    const stdio = await scene.exec(t, "e");
    const bytes = randomBytes(10 * 1024 * 1024);
    const expected = createHash("sha256").update(bytes).digest("hex");
    for (let at = 0; at < bytes.length; at += 100_000) guest.say("e-stdout", bytes.subarray(at, at + 100_000));
    guest.end("e-stdout");
    guest.end("e-stderr");
    stdio.stdin?.end(bytes);
    const { stdout } = stdio;
    ok(stdout);
    equal(await digest(stdout), expected);
    await guest.inputEnd("e-stdin");
    equal(createHash("sha256").update(guest.read("e-stdin")).digest("hex"), expected);
  });
}

test("what nobody reads is not sent", async (t) => {
  const scene = await Scene.open(t, ["ttrpc", "unix"]);
  const stdio = await scene.exec(t, "e");
  stdio.stdout?.pause();
  const total = 4 * 1024 * 1024;
  scene.guest.say("e-stdout", Buffer.alloc(total));
  await until(() => scene.guest.waiting("e-stdout") < total, "the first bytes");
  await delay(200);
  const sent = total - scene.guest.waiting("e-stdout");
  // The FIFO, the buffer of its reader, and two windows.
  ok(sent > 0 && sent <= 320 * 1024, `${sent} bytes were sent`);
  let received = 0;
  stdio.stdout?.on("data", (chunk: Buffer) => (received += chunk.length)).resume();
  await until(() => received === total, "the rest");
});

test("the end of an input comes after the input, however slowly that is read", async (t) => {
  const scene = await Scene.open(t, ["grpc", "unix"]);
  const stdio = await scene.exec(t, "e");
  const input = randomBytes(300_000);
  await new Promise<void>((resolve) => stdio.stdin?.end(input, () => resolve()));
  await scene.tasks.closeStdin("a", "e", never);
  equal(scene.guest.read("e-stdin").equals(input), true);
  deepEqual(scene.guest.calls, ["closeIO e"]);
});

test("an input that nobody ever wrote to is ended as well", async (t) => {
  const scene = await Scene.open(t, ["ttrpc", "unix"]);
  await scene.exec(t, "e");
  await scene.tasks.closeStdin("a", "e", never);
  await scene.guest.inputEnd("e-stdin");
});

test("a stream that is cut is taken up again, and the log goes on", async (t) => {
  const scene = await Scene.open(t, ["ttrpc", "hvsock"]);
  const { guest, bench } = scene;
  const stdio = await bench.open(t);
  await scene.tasks.create({ id: "a", ...stdio.paths }, never);
  guest.say("a-stdout", "one\n");
  await until(() => scene.text() === "one\n", "the first line");
  scene.served.cut();
  await until(() => guest.openings("a-stdout") === 2, "a second opening");
  guest.say("a-stdout", "two\n");
  await until(() => scene.text() === "one\ntwo\n", "the second line");
});

test("an input that is cut goes on where it was", async (t) => {
  const scene = await Scene.open(t, ["grpc", "unix"]);
  const { guest } = scene;
  const stdio = await scene.exec(t, "e");
  stdio.stdin?.write("one ");
  await until(() => guest.read("e-stdin").toString() === "one ", "the first word");
  scene.served.cut();
  await until(() => guest.openings("e-stdin") === 2, "a second opening");
  stdio.stdin?.end("two");
  await guest.inputEnd("e-stdin");
  equal(guest.read("e-stdin").toString(), "one two");
});

test("a peer that refuses a stream again and again is believed: the log ends, and that is told", async (t) => {
  const scene = await Scene.open(t, ["ttrpc", "unix"]);
  const stdio = await scene.bench.open(t);
  await scene.tasks.create({ id: "a", ...stdio.paths }, never);
  scene.guest.isStrange = true;
  scene.served.cut();
  equal(await stdio.drained(10_000), true);
  deepEqual(scene.notes.sort(), ["stderr of a task is not copied any more", "stdout of a task is not copied any more"]);
});

test("when the peer has died the log ends with the task, whole, and nothing stays", async (t) => {
  const before = countDescriptors();
  const scene = await Scene.open(t, ["ttrpc", "unix"]);
  const { guest, bench } = scene;
  const stdio = await bench.open(t);
  await scene.tasks.create({ id: "a", ...stdio.paths }, never);
  guest.say("a-stdout", "last words\n");
  await until(() => scene.text() === "last words\n", "the line");
  const waiting = rejects(scene.tasks.wait("a", "", never), { code: Code.Unavailable });
  await scene.served.stop();
  await waiting;
  await rejects(scene.services.of("pod", never), { code: Code.Unavailable });
  equal(await stdio.drained(100), false); // it may come back
  scene.services.forget("pod");
  equal(await stdio.drained(2_000), true);
  equal(scene.text(), "last words\n");
  await stdio.close();
  await bench.stdio.close();
  await until(() => countDescriptors() <= before, "descriptors that are closed");
});

test("a process that has ended holds no stream open that is cut", async (t) => {
  const scene = await Scene.open(t, ["ttrpc", "unix"]);
  const stdio = await scene.bench.open(t);
  await scene.tasks.create({ id: "a", ...stdio.paths }, never);
  const waiting = scene.tasks.wait("a", "", never);
  scene.guest.exit("a", 1);
  equal((await waiting).exitStatus, 1);
  scene.served.cut();
  equal(await stdio.drained(2_000), true);
});

test("the next daemon takes the streams of running tasks up, and what is on its way is not lost", async (t) => {
  const scene = await Scene.open(t, ["grpc", "hvsock"]);
  const { guest, bench } = scene;
  const stdio = await bench.open(t);
  await scene.tasks.create({ id: "a", ...stdio.paths }, never);
  guest.say("a-stdout", "one\n");
  await until(() => scene.text() === "one\n", "the first line");
  guest.say("a-stdout", "two\n");
  await scene.services[Symbol.asyncDispose]();
  guest.say("a-stdout", "three\n");
  await bench.stdio.close();
  await using next = new StdioBench();
  await scene.connect({ runningTasks: () => [{ id: "a", ...stdio.paths }] });
  const adopted = await next.stdio.adopt(bench.request(), never);
  await until(() => scene.text() === "one\ntwo\nthree\n", "what was said meanwhile");
  guest.end("a-stdout");
  guest.end("a-stderr");
  equal(await adopted.drained(2_000), true);
  deepEqual(scene.notes, []);
});

test("a peer that does not answer fails the creation, and nothing stays", async (t) => {
  const scene = await Scene.open(t, ["ttrpc", "unix"], { connectMs: 100 });
  const stdio = await scene.bench.open(t);
  const before = countDescriptors();
  scene.guest.isMute = true;
  await rejects(scene.tasks.create({ id: "a", ...stdio.paths }, never), {
    code: Code.DeadlineExceeded,
    message: /opening stream "a-std/,
  });
  deepEqual(scene.guest.created, []);
  await until(() => countDescriptors() <= before, "descriptors that are closed");
});

test("a task that cannot be made gives its streams back", async (t) => {
  const scene = await Scene.open(t, ["grpc", "unix"]);
  const stdio = await scene.bench.open(t);
  const before = countDescriptors();
  scene.guest.refuses = true;
  await rejects(scene.tasks.create({ id: "a", ...stdio.paths }, never), { code: Code.ResourceExhausted });
  equal(scene.guest.openings("a-stdout"), 1);
  equal(await stdio.drained(2_000), true);
  await until(() => countDescriptors() <= before, "descriptors that are closed");
});
