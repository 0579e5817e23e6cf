import { equal, match } from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import type { RuntimeHandler } from "@crib/core/sandbox";
import { testHandler } from "@crib/core/testing";

import { findFault, findWarning } from "./find-fault.ts";

const controllers = ["podsandbox", "shim", "vmm"];

/** A handler whose programs are there. */
function soundHandler(t: TestContext): RuntimeHandler & { readonly dir: string } {
  const dir = mkdtempSync(join(tmpdir(), "crib-handler-"));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const name of ["shim", "runc"]) {
    writeFileSync(join(dir, name), "");
    chmodSync(join(dir, name), 0o755);
  }
  const options = { BinaryName: join(dir, "runc") };
  return { dir, ...testHandler({ name: "h", runtimePath: join(dir, "shim"), options }) };
}

test("nothing is wrong with a handler whose parts are there", async (t) => {
  const sound = soundHandler(t);
  equal(await findFault(sound, controllers), undefined);
  equal(await findFault({ ...sound, controller: "shim" }, controllers), undefined);
  equal(await findFault({ ...sound, cniConfDir: sound.dir }, controllers), undefined);
});

test("what is missing is named", async (t) => {
  const sound = soundHandler(t);
  const { dir } = sound;
  mkdirSync(join(dir, "directory"));
  const faults: readonly (readonly [Partial<RuntimeHandler>, RegExp])[] = [
    [{ controller: "vmmm" }, /^no controller named "vmmm"; there is "podsandbox", "shim", "vmm"$/],
    [{ runtimePath: join(dir, "none") }, /none" is not a program$/],
    [{ runtimePath: join(dir, "directory") }, /directory" is not a program$/],
    [{ runtimePath: "", runtimeType: "io.containerd.none.v1" }, /no "containerd-shim-none-v1" in /],
    [{ options: { BinaryName: join(dir, "none") } }, /^its OCI runtime ".*none" is not installed$/],
    [{ options: { Binary: "runc" } }, /unknown key "Binary"; known are /],
    [{ options: { SystemdCgroup: "yes" } }, /"SystemdCgroup" must be a boolean/],
    [{ namespacePaths: "proc" }, /^namespace_paths = "proc" is for controller = "shim"/],
    [{ namespacePaths: "proc", controller: "shim" }, /; this one runs ".*runc"$/],
    [{ cniConfDir: join(dir, "none") }, /^cni_conf_dir ".*none": ENOENT/],
    [{ cniConfDir: join(dir, "shim") }, /^cni_conf_dir ".*shim" is not a directory$/],
  ];
  for (const [change, fault] of faults) match((await findFault({ ...sound, ...change }, controllers)) ?? "", fault);
});

test("of a sandboxer's handler no shim is asked for, of another shim's no OCI runtime", async (t) => {
  const sound = soundHandler(t);
  const none = { runtimePath: "/none", options: { anything: 1 } };
  equal(await findFault({ ...sound, ...none, controller: "vmm" }, controllers), undefined);
  const kata = { runtimeType: "io.containerd.kata.v2", options: { ConfigPath: "/none" } };
  equal(await findFault({ ...sound, ...kata }, controllers), undefined);
});

/** A handler whose OCI runtime runs this as a shell script. */
function handlerWithRuntime(t: TestContext, script: string, oldRuntime?: "warn" | "refuse"): RuntimeHandler {
  const { dir, ...sound } = soundHandler(t);
  writeFileSync(join(dir, "runc"), `#!/bin/sh\n${script}\n`);
  return { ...sound, ...(oldRuntime && { oldRuntime }) };
}

test("an OCI runtime with known vulnerabilities is a fault only where it is to be refused", async (t) => {
  const script = "echo runc version 1.3.3; echo commit: v1.3.3-0-gd842d771";
  const old = /^its OCI runtime ".*runc" is 1\.3\.3: CVE-2026-41579 is fixed in 1\.3\.6 or 1\.4\.3 or 1\.5\.0-rc\.3/;
  match((await findFault(handlerWithRuntime(t, script, "refuse"), controllers)) ?? "", old);
  for (const oldRuntime of [undefined, "warn"] as const) {
    const handler = handlerWithRuntime(t, script, oldRuntime);
    equal(await findFault(handler, controllers), undefined);
    match((await findWarning(handler)) ?? "", old);
  }
  const crun = handlerWithRuntime(t, "echo crun version 1.14.4", "refuse");
  match((await findFault(crun, controllers)) ?? "", /is 1\.14\.4: .*CVE-2026-88264 is fixed in 1\.30/);
});

test("an OCI runtime with all fixes, and one that nothing is known of, are no faults", async (t) => {
  for (const version of ["runc version 1.3.6", "runc version 1.5.0", "crun version 1.30.1", "youki version 0.0.1"]) {
    const handler = handlerWithRuntime(t, `echo ${version}`, "refuse");
    equal(await findFault(handler, controllers), undefined);
    equal(await findWarning(handler), undefined);
  }
});

test("an OCI runtime that does not tell its version is a fault where old ones are to be refused", async (t) => {
  for (const script of ["exit 1", "echo runc"]) {
    const handler = handlerWithRuntime(t, script, "refuse");
    match((await findFault(handler, controllers)) ?? "", /^its OCI runtime .*does not tell its version/);
    equal(await findWarning(handler), undefined);
  }
});
