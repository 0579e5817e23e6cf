import { deepEqual, equal, ok } from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";

import { umountTree } from "@crib/linux";

import { openSnippetFolder, readSnippets } from "./testing/readme-snippets.ts";

const root = join(import.meta.dirname, "..");
const readmes = globSync(["README.md", "{benchmarks,examples}/README.md", "packages/*/README.md"], { cwd: root });
const snippets = readmes.flatMap(readSnippets);

/** This one needs a daemon: tests/node/examples.test.ts runs it. */
const elsewhere = "packages/cri-client/README.md";

test("packages that are useful alone show how they are used", () => {
  const names = ["cri-client", "errdefs", "libcni", "linux", "nri", "sandboxer", "streaming", "ttrpc", "wire"];
  for (const name of names) ok(readSnippets(`packages/${name}/README.md`).length > 0, name);
});

test("the snippets of READMEs have no type errors", () => {
  using folder = openSnippetFolder();
  for (const snippet of snippets) folder.add(snippet);
  let complaints = "";
  try {
    execFileSync(join(root, "node_modules/.bin/tsc"), ["--noEmit", "-p", folder.path], { cwd: root, encoding: "utf8" });
  } catch (error) {
    complaints = (error as { readonly stdout: string }).stdout;
  }
  equal(complaints, "");
});

for (const snippet of snippets.filter(({ readme }) => readme !== elsewhere)) {
  const isPrivileged = snippet.readme === "packages/linux/README.md" && process.getuid?.() !== 0;
  const skip = isPrivileged && "needs root to make namespaces";
  test(`the snippet of ${snippet.readme} prints what it says`, { skip }, async (t) => {
    using folder = openSnippetFolder();
    const file = folder.add(snippet, makePlaces(t));
    const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 60_000 });
    deepEqual(stdout.split("\n").filter(Boolean), snippet.prints);
  });
}

/** Where on this machine is what a snippet finds at the usual places. */
function makePlaces(t: TestContext): Readonly<Record<string, string>> {
  const dir = mkdtempSync(join(tmpdir(), "crib-snippet-"));
  t.after(async () => {
    await umountTree(dir); // a snippet that failed may have left its namespace
    rmSync(dir, { recursive: true });
  });
  for (const name of ["run", "net.d", "bin"]) mkdirSync(join(dir, name));
  const network = { cniVersion: "1.0.0", name: "example", plugins: [{ type: "fixed" }] };
  writeFileSync(join(dir, "net.d/10-example.conflist"), JSON.stringify(network));
  writeFileSync(join(dir, "bin/fixed"), fixedAddress, { mode: 0o755 });
  return {
    "/run/example": join(dir, "run"),
    "/etc/cni/net.d": join(dir, "net.d"),
    "/usr/lib/cni": join(dir, "bin"),
    "/var/lib/example": join(dir, "lib"),
  };
}

/** A CNI plugin that makes nothing and always has the same answer. */
const fixedAddress = `#!/bin/sh
cat >/dev/null
case $CNI_COMMAND in
ADD) echo '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"'$CNI_NETNS'"}],"ips":[{"address":"10.88.0.7/16","interface":0}]}' ;;
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}' ;;
esac
`;
