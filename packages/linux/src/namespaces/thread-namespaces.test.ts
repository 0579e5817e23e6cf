import { deepEqual, equal, match, throws } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { needsRoot, openDescriptors, ownNamespaces, temporaryDirectory } from "../testing/host.ts";
import { pinNamespaces } from "./pin-namespaces.ts";
import { inNamespaces, withNetns } from "./thread-namespaces.ts";

const module = new URL("../index.ts", import.meta.url).href;

/** Runs statements in a Node of their own, with the package's exports as `linux` and `path` a pinned network namespace. */
function runAlone(path: string, directory: string, statements: string): ReturnType<typeof spawnSync> {
  const script = `import * as linux from ${JSON.stringify(module)};
    import fs from "node:fs";
    const path = ${JSON.stringify(path)};
    ${statements}`;
  return spawnSync(process.execPath, ["--input-type=module", "-e", script], { cwd: directory, encoding: "utf8" });
}

test("a body that throws, or a path that is no namespace, brings the thread back", needsRoot, (t) => {
  const directory = temporaryDirectory(t);
  const net = `${directory}/net`;
  pinNamespaces({ net });
  writeFileSync(`${directory}/file`, "");
  const before = [ownNamespaces(), openDescriptors()];
  throws(
    () =>
      withNetns(net, () => {
        throw new Error("inside");
      }),
    /^Error: inside$/,
  );
  throws(() => withNetns(`${directory}/file`, () => 1), { code: Code.InvalidArgument });
  throws(() => withNetns(`${directory}/none`, () => 1), { code: Code.NotFound });
  throws(() => inNamespaces({ net, ipc: net }, () => 1), { code: Code.InvalidArgument });
  deepEqual([ownNamespaces(), openDescriptors()], before);
});

test("the thread pool is born in the host's namespaces even when first used inside", needsRoot, (t) => {
  const directory = temporaryDirectory(t);
  const net = `${directory}/net`;
  pinNamespaces({ net });
  const { stdout, stderr } = runAlone(
    net,
    directory,
    `linux.withNetns(path, () => { fs.stat("/", () => {}); });
     await fs.promises.stat("/");
     const links = fs.readdirSync("/proc/self/task").map((task) => fs.readlinkSync("/proc/self/task/" + task + "/ns/net"));
     console.log([...new Set(links)].join());`,
  );
  equal(String(stdout).trim(), ownNamespaces()[0], String(stderr));
});

test("a process that cannot come back ends rather than live on inside", needsRoot, (t) => {
  const directory = temporaryDirectory(t);
  const net = `${directory}/net`;
  pinNamespaces({ net });
  const { signal, stdout, stderr } = runAlone(
    net,
    directory,
    `process.setUncaughtExceptionCaptureCallback(() => console.log("survived"));
     linux.withNetns(path, () => {
       // The held way back is the newest but one of the open descriptors: make it useless.
       for (const fd of fs.readdirSync("/proc/self/fd")) {
         try { if (fs.readlinkSync("/proc/self/fd/" + fd).startsWith("net:")) fs.closeSync(Number(fd)); } catch {}
       }
     });
     console.log("survived");`,
  );
  equal(signal, "SIGABRT");
  equal(String(stdout), "");
  match(String(stderr), /cannot return to the host's namespaces/);
});
