import { deepEqual, equal } from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { create, fromBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { BootstrapParamsSchema } from "@crib/wire/options";

import { encodeShimStdin, StdinForms, stdinFormOf } from "./shim-stdin.ts";

const values = {
  id: "t1",
  namespace: "k8s.io",
  eventsAddress: "/e",
  daemonAddress: "/d",
  publishBinary: "/p",
  options: create(AnySchema, { typeUrl: "containerd.runc.v1.Options", value: Uint8Array.of(1) }),
};

test("new shims get all of it as BootstrapParams, old ones their options alone", () => {
  const params = fromBinary(BootstrapParamsSchema, encodeShimStdin("bootstrap", values));
  deepEqual(
    [params.instanceId, params.namespace, params.containerdTtrpcAddress, params.containerdGrpcAddress],
    ["t1", "k8s.io", "/e", "/d"],
  );
  equal(params.extensions[0]?.value?.typeUrl, "containerd.runc.v1.Options");
  equal(fromBinary(AnySchema, encodeShimStdin("options", values)).typeUrl, "containerd.runc.v1.Options");
  equal(encodeShimStdin("options", { ...values, options: undefined }).length, 0);
});

test("containerd's shims before 2.3 want their options alone", () => {
  const text = (version: string): string => `containerd-shim-runc-v2:\n  Version:  ${version}\n  Revision: x\n`;
  equal(stdinFormOf(text("1.6.20~ds1")), "options");
  equal(stdinFormOf(text("v1.7.24")), "options");
  equal(stdinFormOf(text("v2.1.9")), "options");
  equal(stdinFormOf(text("v2.3.0-rc.1")), "bootstrap");
  equal(stdinFormOf(text("v3.0.0")), "bootstrap");
  equal(stdinFormOf(text("")), "bootstrap");
});

test("a runc shim is asked for its version once, and again when its file has changed", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "crib-stdin-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const path = join(dir, "containerd-shim-runc-v2");
  await writeFile(path, `#!/bin/sh\necho x >> ${dir}/asked\necho "  Version: 1.7.0"\n`);
  await chmod(path, 0o755);
  const forms = new StdinForms();
  const env = { PATH: "/usr/bin:/bin" };
  equal(await forms.of(path, env, t.signal), "options");
  equal(await forms.of(path, env, t.signal), "options");
  equal(await readFile(join(dir, "asked"), "utf8"), "x\n");
  await writeFile(path, `#!/bin/sh\necho "  Version: 2.4.0-beta.1"\n`);
  equal(await forms.of(path, env, t.signal), "bootstrap");
});

test("shims of other kinds are told by their name, without being run", async (t) => {
  const forms = new StdinForms();
  equal(await forms.of("/nonexistent/containerd-shim-kata-v2", {}, t.signal), "bootstrap");
  equal(await forms.of("/nonexistent/containerd-shim-runc-v1", {}, t.signal), "options");
  equal(await forms.of("/nonexistent/containerd-shim-runhcs-v1.exe", {}, t.signal), "options");
});
