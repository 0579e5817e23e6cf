import { equal, ok, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, constants, existsSync, mkdtempSync, openSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { create, toBinary } from "@bufbuild/protobuf";
import { fileDesc, type GenService, serviceDesc } from "@bufbuild/protobuf/codegenv2";
import {
  type EmptySchema,
  file_google_protobuf_empty,
  file_google_protobuf_wrappers,
  FileDescriptorProtoSchema,
  type StringValueSchema,
  type UInt32ValueSchema,
} from "@bufbuild/protobuf/wkt";
import { Code } from "@crib/errdefs";

import { connectTtrpc } from "./connect.ts";
import { turn } from "./testing/socket-pair.ts";
import type { TtrpcClient } from "./types.ts";

const shim = "/usr/bin/containerd-shim-runc-v2";
const needsShim = { skip: skipReason(), timeout: 120_000 };

function skipReason(): string | false {
  if (process.getuid?.() !== 0) return "needs root to start a shim";
  return existsSync(shim) ? false : `needs ${shim}`;
}

/**
 * The part of `containerd.task.v2.Task` used here. The package may not import the generated messages; these have the same
 * first field: `{ string id = 1 }` is a StringValue, `{ uint32 shim_pid = 1 }` a UInt32Value.
 */
const task: GenService<{
  connect: { methodKind: "unary"; input: typeof StringValueSchema; output: typeof UInt32ValueSchema };
  state: { methodKind: "unary"; input: typeof StringValueSchema; output: typeof StringValueSchema };
  missing: { methodKind: "unary"; input: typeof StringValueSchema; output: typeof EmptySchema };
  shutdown: { methodKind: "unary"; input: typeof StringValueSchema; output: typeof EmptySchema };
}> = serviceDesc(taskFile(), 0);

function taskFile(): ReturnType<typeof fileDesc> {
  const [text, number, empty] = ["StringValue", "UInt32Value", "Empty"].map((name) => `.google.protobuf.${name}`);
  const method = [
    { name: "Connect", inputType: text, outputType: number },
    { name: "State", inputType: text, outputType: text },
    { name: "Missing", inputType: text, outputType: empty },
    { name: "Shutdown", inputType: text, outputType: empty },
  ].map(({ name, inputType = "", outputType = "" }) => ({ name, inputType, outputType }));
  const descriptor = create(FileDescriptorProtoSchema, {
    name: "task.proto",
    package: "containerd.task.v2",
    syntax: "proto3",
    dependency: ["google/protobuf/wrappers.proto", "google/protobuf/empty.proto"],
    service: [{ name: "Task", method }],
  });
  const encoded = Buffer.from(toBinary(FileDescriptorProtoSchema, descriptor)).toString("base64");
  return fileDesc(encoded, [file_google_protobuf_wrappers, file_google_protobuf_empty]);
}

/** Starts a shim in a bundle of its own, as containerd does, and returns the address of its socket. */
function startShim(t: TestContext, id: string): string {
  const bundle = mkdtempSync(join(tmpdir(), "crib-shim-"));
  t.after(() => rmSync(bundle, { recursive: true }));
  const annotations = { "io.kubernetes.cri.sandbox-id": id };
  writeFileSync(join(bundle, "config.json"), JSON.stringify({ ociVersion: "1.0.2", annotations, linux: {} }));
  // The shim opens its log for writing, and dies where it is missing or nobody holds the other side.
  execFileSync("mkfifo", ["-m", "700", join(bundle, "log")]);
  const log = openSync(join(bundle, "log"), constants.O_RDWR | constants.O_NONBLOCK);
  t.after(() => closeSync(log));
  const socketOptions = ["-address", "/run/crib-test.sock", "-publish-binary", "/bin/true"];
  const args = ["-namespace", "crib-test", "-id", id, ...socketOptions];
  const env = { PATH: process.env["PATH"], TTRPC_ADDRESS: "/run/crib-test.ttrpc", GOMAXPROCS: "2" };
  // Standard input is empty, not open: the shim reads it to its end.
  const options = { cwd: bundle, env, input: "", encoding: "utf8", timeout: 60_000, killSignal: "SIGKILL" } as const;
  const stdout = execFileSync(shim, [...args, "start"], options);
  ok(stdout.startsWith("unix://"), `the shim answered ${JSON.stringify(stdout)}`);
  return stdout.trim().slice("unix://".length);
}

/** Whether this process runs the shim. A zombie, which stays where nobody collects orphans, runs nothing. */
function isShim(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`) === shim;
  } catch {
    return false;
  }
}

/** Makes sure that the shim is gone after the test, whatever happens in it. */
function endWithTest(t: TestContext, pid: number, path: string): void {
  t.after(async () => {
    // The pid came from the shim itself a moment ago, and it is killed only while it is that program.
    if (isShim(pid)) process.kill(pid, "SIGKILL");
    while (isShim(pid)) await turn(10);
    rmSync(path, { force: true });
  });
}

test("containerd's runc shim answers, refuses and shuts down", needsShim, async (t) => {
  const id = randomBytes(32).toString("hex");
  const path = startShim(t, id);
  const metadata = [["containerd-namespace-ttrpc", "crib-test"]] as const;
  await using client: TtrpcClient = await connectTtrpc({ path }, { metadata, timeoutMs: 60_000 });
  const { value: pid } = await client.unary(task.method.connect, { value: id }, { timeoutMs: 60_000 });
  ok(isShim(pid), `the shim calls itself process ${pid}`);
  endWithTest(t, pid, path);

  await rejects(client.unary(task.method.state, { value: id }), {
    code: Code.NotFound,
    message: /not created|not found/,
  });
  await rejects(client.unary(task.method.missing, { value: id }), { code: Code.Unimplemented });

  const many = Array.from({ length: 200 }, () => client.unary(task.method.connect, { value: id }));
  for (const answer of await Promise.all(many)) equal(answer.value, pid);

  await rejects(client.unary(task.method.connect, { value: "x".repeat(4 << 20) }), { code: Code.ResourceExhausted });

  // The shim may exit before its answer leaves; either way it is gone.
  await client.unary(task.method.shutdown, { value: id }).catch((error: unknown) => {
    equal((error as { code?: unknown }).code, Code.Unavailable);
  });
  equal((await client.closed).code, Code.Unavailable);
  while (isShim(pid)) await turn(10);
});
