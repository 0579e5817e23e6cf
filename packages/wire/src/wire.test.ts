import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import { create, type DescMessage, equals, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { AnySchema, anyPack, anyUnpack } from "@bufbuild/protobuf/wkt";

import { Images, LayerState, PullEventSchema, PullRequestSchema } from "./admin.ts";
import { cgroupsV1, cgroupsV2 } from "./cgroups.ts";
import {
  ContainerStatusSchema,
  ImageService,
  LinuxPodSandboxStatsSchema,
  NamespaceMode,
  RuntimeService,
} from "./cri.ts";
import { ForwardRequestSchema, TaskExitSchema } from "./events.ts";
import { PodSandboxSchema } from "./nri.ts";
import { BootstrapParamsSchema, LogLevel, RuncOptionsSchema, RuntimeOptionsSchema } from "./options.ts";
import { ControllerCreateRequestSchema, Sandbox, StartSandboxResponseSchema } from "./sandbox.ts";
import { DataSchema, Streaming, StreamInitSchema } from "./streaming.ts";
import { CreateTaskRequestSchema, StateResponseSchema, Status as TaskStatus, TaskV2, TaskV3 } from "./task.ts";
import { RequestSchema, RuntimeInfoSchema, StatusSchema } from "./types.ts";

const timestamp = { seconds: 1_800_000_000n, nanos: 1 };
const any = create(AnySchema, { typeUrl: "example.Type", value: new Uint8Array([1, 2, 3]) });

/** One message of each table, with its fields' kinds as varied as the table allows. */
const samples: readonly [name: string, roundTrip: () => void][] = [
  sample(ContainerStatusSchema, {
    id: "c",
    createdAt: 1_800_000_000_000_000_001n,
    labels: { a: "b" },
    mounts: [{ readonly: true }],
  }),
  sample(LinuxPodSandboxStatsSchema, { network: { interfaces: [{ name: "eth1", rxBytes: { value: 1n << 63n } }] } }),
  sample(CreateTaskRequestSchema, {
    id: "t",
    rootfs: [{ type: "bind", options: ["ro"] }],
    options: any,
    terminal: true,
  }),
  sample(StateResponseSchema, { pid: 4_294_967_295, status: TaskStatus.PAUSING, exitedAt: timestamp }),
  sample(StartSandboxResponseSchema, { pid: 1, createdAt: timestamp }),
  sample(ControllerCreateRequestSchema, { sandboxId: "s", rootfs: [{ source: "/x" }], annotations: { k: "v" } }),
  sample(ForwardRequestSchema, { envelope: { timestamp, namespace: "k8s.io", topic: "/tasks/oom", event: any } }),
  sample(TaskExitSchema, { containerId: "c", id: "e", pid: 9, exitStatus: 137, exitedAt: timestamp }),
  sample(RuntimeInfoSchema, { name: "runc", version: { revision: "r" }, features: any, annotations: { k: "v" } }),
  sample(StatusSchema, { code: 5, message: "container not created", details: [any] }),
  sample(RequestSchema, { service: "s", method: "m", timeoutNano: 1n << 60n, metadata: [{ key: "k", value: "v" }] }),
  sample(BootstrapParamsSchema, {
    instanceId: "i",
    logLevel: LogLevel.TRACE,
    extensions: [{ value: any }],
    socketDir: "",
  }),
  sample(RuncOptionsSchema, { systemdCgroup: true, ioUid: 7, root: "/run/x" }),
  sample(RuntimeOptionsSchema, { typeUrl: "t", configBody: new Uint8Array([1]) }),
  sample(PullRequestSchema, { image: "busybox", auth: { username: "me", identityToken: "t" } }),
  sample(PullEventSchema, {
    event: { case: "layer", value: { digest: "d", state: LayerState.UNPACKING, size: 1n << 40n } },
  }),
  sample(StreamInitSchema, { id: "c-stdin" }),
  sample(DataSchema, { data: new Uint8Array(32_768) }),
  sample(cgroupsV1.MetricsSchema, {
    pids: { current: 1n },
    memory: { usage: { usage: 2n } },
    hugetlb: [{ pagesize: "2MB" }],
  }),
  sample(cgroupsV2.MetricsSchema, { pids: { current: 1n }, cpu: { usageUsec: 2n }, memoryEvents: { oomKill: 3n } }),
  sample(PodSandboxSchema, { id: "p", linux: { namespaces: [{ type: "network" }] }, annotations: { k: "v" } }),
];

function sample<T extends DescMessage>(schema: T, init: MessageInitShape<T>): [string, () => void] {
  const roundTrip = (): void => {
    const message = create(schema, init);
    const bytes = toBinary(schema, message);
    equal(equals(schema, fromBinary(schema, bytes), message), true);
    equal(bytes.length > 0, true);
    deepEqual(toBinary(schema, fromBinary(schema, bytes)), bytes);
  };
  return [schema.typeName, roundTrip];
}

for (const [name, roundTrip] of samples) test(`${name} survives the wire`, roundTrip);

test("an optional field that is set to its zero is sent, an unset one is not", () => {
  deepEqual([...toBinary(BootstrapParamsSchema, create(BootstrapParamsSchema, { socketDir: "" }))], [0x4a, 0x00]);
  deepEqual([...toBinary(BootstrapParamsSchema, create(BootstrapParamsSchema))], []);
});

test("numbers, packing and field ids are those of the protocol", () => {
  const options = create(RuncOptionsSchema, { systemdCgroup: true, root: "r" });
  deepEqual([...toBinary(RuncOptionsSchema, options)], [0x3a, 0x01, 0x72, 0x48, 0x01]);
  equal(NamespaceMode.POD, 0);
  equal(LogLevel.TRACE, -8);
});

test("methods have their kinds", () => {
  equal(RuntimeService.method.runPodSandbox.methodKind, "unary");
  equal(RuntimeService.method.getContainerEvents.methodKind, "server_streaming");
  equal(ImageService.method.pullImage.methodKind, "unary");
  equal(Images.method.import.methodKind, "client_streaming");
  equal(Images.method.export.methodKind, "server_streaming");
  equal(Streaming.method.stream.methodKind, "bidi_streaming");
  equal(Sandbox.method.createSandbox.parent.typeName, "containerd.runtime.sandbox.v1.Sandbox");
});

test("both task services take the same messages under their own names", () => {
  equal(TaskV2.typeName, "containerd.task.v2.Task");
  equal(TaskV3.typeName, "containerd.task.v3.Task");
  deepEqual(Object.keys(TaskV2.method), Object.keys(TaskV3.method));
  equal(TaskV2.method.create.input, TaskV3.method.create.input);
});

test("an Any carries the bare full name of containerd, and is read with a prefix as well", () => {
  const exit = create(TaskExitSchema, { containerId: "c" });
  const packed = { ...anyPack(TaskExitSchema, exit), typeUrl: TaskExitSchema.typeName };
  // The runtime wants a slash in type URLs; containerd writes none. Receivers look at the text after the last one.
  equal(anyUnpack(packed, TaskExitSchema)?.containerId, "c");
});
