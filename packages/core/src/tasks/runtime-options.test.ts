import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";

import { fromBinary } from "@bufbuild/protobuf";
import { Code } from "@crib/errdefs";
import { RuncOptionsSchema, RuntimeOptionsSchema } from "@crib/wire/options";

import { isRuncRuntime, packRuntimeOptions, runcStateDir } from "./runtime-options.ts";

const runc = "io.containerd.runc.v2";

test("options of the runc shim have a message of their own", () => {
  const packed = packRuntimeOptions(runc, { BinaryName: "/usr/bin/crun", SystemdCgroup: true, IoUid: 7 });
  equal(packed?.typeUrl, "containerd.runc.v1.Options");
  const options = fromBinary(RuncOptionsSchema, packed?.value ?? new Uint8Array());
  deepEqual([options.binaryName, options.systemdCgroup, options.ioUid], ["/usr/bin/crun", true, 7]);
});

test("no options are no message", () => {
  equal(packRuntimeOptions(runc, {}), undefined);
});

test("other shims get their table as TOML, or the path of their file", () => {
  const packed = packRuntimeOptions("io.containerd.runsc.v1", { TypeUrl: "t", debug: true, "log-dir": 'a"b', n: 3 });
  equal(packed?.typeUrl, "runtimeoptions.v1.Options");
  const options = fromBinary(RuntimeOptionsSchema, packed?.value ?? new Uint8Array());
  equal(options.typeUrl, "t");
  equal(Buffer.from(options.configBody).toString(), '"debug" = true\n"log-dir" = "a\\"b"\n"n" = 3\n');
  const withPath = packRuntimeOptions("io.containerd.runsc.v1", { ConfigPath: "/etc/runsc.toml", debug: true });
  const file = fromBinary(RuntimeOptionsSchema, withPath?.value ?? new Uint8Array());
  deepEqual([file.configPath, file.configBody.length], ["/etc/runsc.toml", 0]);
});

for (const [what, options] of [
  ["an unknown key", { SystemdCgroups: true }],
  ["a key of all objects", { constructor: "x" }],
  ["text for a switch", { SystemdCgroup: "true" }],
  ["a negative uid", { IoUid: -1 }],
  ["half a uid", { IoUid: 1.5 }],
  ["a uid beyond 32 bits", { IoUid: 4_294_967_296 }],
] as const) {
  test(`${what} is refused`, () => {
    throws(() => packRuntimeOptions(runc, options), { code: Code.InvalidArgument });
  });
}

test("runc's own runtimes are told from others, and only they have a known state directory", () => {
  ok(isRuncRuntime(runc) && isRuncRuntime("io.containerd.runc.v1"));
  ok(!isRuncRuntime("io.containerd.kata.v2") && !isRuncRuntime("io.example.notrunc.v2"));
  equal(runcStateDir(runc, {}, "k8s.io", "c1"), "/run/containerd/runc/k8s.io/c1");
  equal(runcStateDir(runc, { Root: "/run/runc" }, "k8s.io", "c1"), "/run/runc/k8s.io/c1");
  equal(runcStateDir("io.containerd.kata.v2", {}, "k8s.io", "c1"), undefined);
});
