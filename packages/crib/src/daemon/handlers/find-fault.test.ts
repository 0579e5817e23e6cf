import { equal, match } from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import type { RuntimeHandler } from "@crib/core/sandbox";
import { testHandler } from "@crib/core/testing";

import { findFault } from "./find-fault.ts";

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
