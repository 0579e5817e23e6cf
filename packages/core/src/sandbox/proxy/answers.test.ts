import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import { parseSandbox } from "@crib/sandboxer";
import { cgroupsV1 } from "@crib/wire/cgroups";
import { RuncOptionsSchema } from "@crib/wire/options";

import { createProxyController } from "./controller.ts";
import { hang } from "./testing/fake-sandboxer.ts";
import { ProxyFixture, type ProxyFixtureOptions } from "./testing/proxy-fixture.ts";

interface Garbage {
  readonly sandboxId?: string;
  readonly address?: string;
  readonly version?: number;
  readonly spec?: ReturnType<typeof specWith>;
}

async function prepare(t: TestContext, options: ProxyFixtureOptions = {}): Promise<ProxyFixture> {
  const fixture = await ProxyFixture.make(options);
  t.after(() => fixture[Symbol.asyncDispose]());
  return fixture;
}

suite("a proxy and its sandboxer", { concurrency: 4 }, () => {
  test("Create tells all that containerd, iSulad and crib's own SDK look at", async (t) => {
    const fixture = await prepare(t);
    const sandbox = await fixture.sandbox();
    const { id } = sandbox;
    await using controller = createProxyController({
      config: {
        name: "vmm",
        address: fixture.fake.address,
        network: "before-start",
        namespacePaths: "proc",
        taskUpdates: "auto",
        io: "auto",
        pendingGraceMs: 0,
      },
      stateDir: fixture.dir,
      handlerOf: () => ({ runtimeType: "io.containerd.runc.v2", options: { BinaryName: "crun" } }),
      namespace: "test.io",
      log: () => {},
    });
    await controller.create(sandbox, t.signal);
    const [request] = fixture.fake.requests("create");
    equal(fixture.fake.calls[0]?.metadata["containerd-namespace"], "test.io");
    equal(request?.sandboxId, id);
    equal(request?.sandboxer, "vmm");
    deepEqual(request?.rootfs, []);
    equal(request?.options?.typeUrl, "runtime.v1.PodSandboxConfig");
    deepEqual(new Uint8Array(request?.options?.value ?? []), sandbox.config);
    equal(request?.netnsPath, sandbox.namespaces.net);
    deepEqual(request?.annotations, { passed: "on" });
    const record = request?.sandbox;
    deepEqual([record?.sandboxId, record?.sandboxer, record?.labels], [id, "vmm", { app: "web" }]);
    equal(record?.runtime?.name, "io.containerd.runc.v2");
    const options = fromBinary(RuncOptionsSchema, record?.runtime?.options?.value ?? new Uint8Array());
    equal(options.binaryName, "crun");
    ok((record?.createdAt?.seconds ?? 0n) > 0n && (record?.updatedAt?.seconds ?? 0n) > 0n);
    const described = record?.extensions["dev.crib/sandbox"]?.value ?? new Uint8Array();
    deepEqual(parseSandbox(Buffer.from(described).toString(), "test"), sandbox);
    await controller.shutdown(id, t.signal);
  });

  test("the other calls name sandboxer and sandbox, and what is their own", async (t) => {
    const fixture = await prepare(t);
    const { controller, fake } = fixture;
    const { id } = await fixture.started(t.signal);
    deepEqual(await controller.platform(id, t.signal), { ...(await controller.platform(id, t.signal)), os: "linux" });
    await controller.status(id, { verbose: true }, t.signal);
    await controller.update(id, { resources: { cpuShares: 512 } }, t.signal);
    equal(await controller.metrics(id, t.signal), undefined);
    await controller.stop(id, { graceMs: 1_500 }, t.signal);
    await controller.shutdown(id, t.signal);
    for (const { method, request } of fake.calls) {
      const { sandboxId, sandboxer } = request as { readonly sandboxId: string; readonly sandboxer: string };
      deepEqual([method, sandboxer, sandboxId], [method, "fake", id]);
    }
    ok(fake.requests("status").some(({ verbose }) => verbose));
    equal(fake.requests("stop")[0]?.timeoutSecs, 2);
    const [update] = fake.requests("update");
    deepEqual(update?.fields, ["extensions.dev.crib/sandbox"]);
    const described = update?.sandbox?.extensions["dev.crib/sandbox"]?.value ?? new Uint8Array();
    deepEqual(parseSandbox(Buffer.from(described).toString(), "test").resources, { cpuShares: 512 });
  });

  test("what is left out is made up for: version, times, pid, and the address by Status", async (t) => {
    const fixture = await prepare(t);
    const { controller, fake } = fixture;
    fake.faults.start = async (_, next) => {
      await next();
      return { createdAt: { seconds: 0n, nanos: 0 } };
    };
    fake.faults.status = async (_, next) => ({ ...(await next()), address: "grpc+vsock://7:1024/", version: 0 });
    const sandbox = await fixture.sandbox();
    await controller.create(sandbox, t.signal);
    const instance = await controller.start(sandbox.id, t.signal);
    equal(instance.process, undefined);
    ok(Math.abs(instance.createdAt.getTime() - Date.now()) < 60_000);
    deepEqual(instance.namespaces, { ...sandbox.namespaces, uts: "/proc/0/ns/uts", ipc: "/proc/0/ns/ipc" });
    deepEqual(await controller.endpoint(sandbox.id, t.signal), {
      protocol: "grpc",
      address: "vsock://7:1024",
      version: 2,
      io: "streaming",
      hostPids: false,
    });
  });

  test("garbage in Start fails it with field and value, and leaves what shutdown removes", async (t) => {
    const fixture = await prepare(t);
    const { controller, fake } = fixture;
    const garbage: readonly (readonly [change: Garbage, message: RegExp])[] = [
      [{ sandboxId: "other" }, /answered sandbox_id "other"/],
      [{ address: "carrier-pigeon://x" }, /answered address "carrier-pigeon:\/\/x"/],
      [{ version: 9 }, /answered version "9"/],
      [{ spec: { typeUrl: "x", value: Buffer.from("[1") } }, /answered spec "\[1"/],
      [{ spec: specWith("../ns") }, /answered spec.linux.namespaces with path "..\/ns"/],
      [{ spec: specWith("/proc/self/ns/ipc") }, /answered spec.linux.namespaces with path "\/proc\/self\/ns\/ipc"/],
    ];
    for (const [change, message] of garbage) {
      fake.faults.start = async (_, next) => Object.assign(await next(), change);
      const sandbox = await fixture.sandbox();
      await controller.create(sandbox, t.signal);
      const failed = controller.start(sandbox.id, t.signal);
      await rejects(failed, { code: Code.Internal, message });
      await rejects(failed, {
        message: new RegExp(`^starting sandbox "${sandbox.id}": sandboxer "fake": it answered`),
      });
      await controller.stop(sandbox.id, { graceMs: 0 }, t.signal);
      await controller.shutdown(sandbox.id, t.signal);
      deepEqual(await fixture.leftovers(sandbox), []);
    }
  });

  test("a sandboxer that names no address at all fails Start", async (t) => {
    const fixture = await prepare(t);
    const { controller, fake } = fixture;
    fake.faults.start = async (_, next) => ({ ...(await next()), address: "" });
    fake.faults.status = async (_, next) => ({ ...(await next()), address: "" });
    const sandbox = await fixture.sandbox();
    await controller.create(sandbox, t.signal);
    const message = /sandboxer "fake": it answered no address of a task service, neither to Start nor to Status/;
    await rejects(controller.start(sandbox.id, t.signal), { code: Code.Internal, message });
    await controller.shutdown(sandbox.id, t.signal);
  });

  test("states of any spelling are understood, and Status tells of another address", async (t) => {
    const fixture = await prepare(t);
    const { controller, fake } = fixture;
    const { id } = await fixture.started(t.signal);
    for (const state of ["ready", "Running", "SANDBOX_RUNNING", "sandbox_ready"]) {
      fake.faults.status = async (_, next) => ({ ...(await next()), state, address: "unix:///run/other.sock" });
      equal((await controller.status(id, { verbose: false }, t.signal)).state, "ready");
    }
    equal((await controller.endpoint(id, t.signal)).address, "unix:///run/other.sock");
    fake.faults.status = async (_, next) => ({ ...(await next()), state: "SANDBOX_NOT_READY" });
    fake.faults.wait = async () => ({ exitStatus: 4 });
    equal((await controller.status(id, { verbose: false }, t.signal)).exit?.exitCode, 4);
  });

  test("metrics of a cgroup are read; others are told of", async (t) => {
    const fixture = await prepare(t);
    const { controller, fake } = fixture;
    const { id } = await fixture.started(t.signal);
    const { MetricsSchema } = cgroupsV1;
    const message = create(MetricsSchema, {
      cpu: { usage: { total: 5n } },
      memory: { usage: { usage: 100n }, totalInactiveFile: 30n },
      pids: { current: 3n },
    });
    const data = { typeUrl: MetricsSchema.typeName, value: toBinary(MetricsSchema, message) };
    fake.faults.metrics = async () => ({ metrics: { timestamp: { seconds: 1n, nanos: 0 }, data } });
    deepEqual(await controller.metrics(id, t.signal), {
      timestamp: new Date(1_000),
      cpuUsageNanos: 5n,
      memoryUsageBytes: 100n,
      memoryWorkingSetBytes: 70n,
      pids: 3n,
    });
    fake.faults.metrics = async () => ({ metrics: { data: { typeUrl: "x/Pigeons", value: data.value } } });
    await rejects(controller.metrics(id, t.signal), { code: Code.Internal, message: /metrics of type "Pigeons"/ });
  });

  test("a DeadlineExceeded that the sandboxer answers keeps its words; one of crib's own says that it has not answered", async (t) => {
    const fixture = await prepare(t, { budgets: { stop: 200 } });
    const { controller, fake } = fixture;
    const waited = "its task server is not there";
    fake.faults = { start: () => Promise.reject(new StatusError(Code.DeadlineExceeded, waited)), stop: hang };
    const sandbox = await fixture.sandbox();
    const { id } = sandbox;
    await controller.create(sandbox, t.signal);
    await rejects(controller.start(id, t.signal), {
      code: Code.DeadlineExceeded,
      message: `starting sandbox "${id}": sandboxer "fake": ${waited}`,
    });
    await rejects(controller.stop(id, { graceMs: 0 }, t.signal), {
      code: Code.DeadlineExceeded,
      message: `stopping sandbox "${id}": sandboxer "fake" has not answered in time`,
    });
    fake.faults = {};
    await controller.shutdown(id, t.signal);
  });

  test("the handshake says what answers, or why nothing of use does", async (t) => {
    const fixture = await prepare(t);
    const { controller, fake } = fixture;
    match(await controller.probe(t.signal), /^sandboxer "fake" answers at "\//);
    equal(controller.describe().state, "connected");
    await fake.down();
    await rejects(controller.probe(t.signal), {
      code: Code.Unavailable,
      message: /sandboxer "fake" at .* cannot be reached/,
    });
  });
});

function specWith(path: string): { readonly typeUrl: string; readonly value: Uint8Array } {
  return { typeUrl: "x", value: Buffer.from(JSON.stringify({ linux: { namespaces: [{ type: "ipc", path }] } })) };
}
