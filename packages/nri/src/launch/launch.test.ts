import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";

import { Code } from "@crib/errdefs";

import { createNri } from "../create-nri.ts";
import { noValidator } from "../testing/no-validator.ts";
import { fakeHost, type LogLine, patient, testPod, until } from "../testing/test-nri.ts";
import type { Nri } from "../types.ts";

const stub = pathToFileURL(join(import.meta.dirname, "../testing/stub-plugin.ts")).href;

/** A plugin as a program: it tells by files what it was given, starts a child, and serves its descriptor. */
function program(directory: string): string {
  return `#!${process.execPath}
import { spawn } from "node:child_process";
import { Socket } from "node:net";
import { writeFileSync } from "node:fs";
const { openStubPlugin } = await import(${JSON.stringify(stub)});
const child = spawn("/bin/sleep", ["300"]);
writeFileSync(${JSON.stringify(directory)} + "/environment", JSON.stringify(process.env));
writeFileSync(${JSON.stringify(directory)} + "/pids", process.pid + " " + child.pid);
const plugin = await openStubPlugin(new Socket({ fd: Number(process.env.NRI_PLUGIN_SOCKET) }), { name: "ignored", index: "99" });
await plugin.synchronized;
writeFileSync(${JSON.stringify(directory)} + "/config", plugin.configuration.config);
console.log("ready to serve");
`;
}

interface Setup {
  readonly nri: Nri;
  readonly directory: string;
  readonly log: readonly LogLine[];
}

function prepare(t: TestContext): Setup {
  const directory = mkdtempSync(join(tmpdir(), "crib-nri-"));
  mkdirSync(join(directory, "plugins"));
  mkdirSync(join(directory, "conf.d"));
  const log: LogLine[] = [];
  const nri = createNri(
    {
      enable: true,
      socket: join(directory, "run/nri.sock"),
      pluginDir: join(directory, "plugins"),
      pluginConfigDir: join(directory, "conf.d"),
      ...patient,
      disableConnections: false,
      defaultValidator: noValidator,
    },
    (level, message, fields) => log.push({ level, message, fields }),
  );
  t.after(async () => {
    await nri.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { nri, directory, log };
}

function install(directory: string, name: string, content: string, mode = 0o755): void {
  const path = join(directory, "plugins", name);
  writeFileSync(path, content);
  chmodSync(path, mode);
}

const isThere = (pid: number): boolean => {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};

test("a plugin of the directory is started, configured by its file, and ends with all it started", async (t) => {
  const { nri, directory, log } = prepare(t);
  install(directory, "10-first.mjs", program(directory));
  writeFileSync(join(directory, "conf.d/10-first.mjs.conf"), "mine: 1");
  writeFileSync(join(directory, "conf.d/first.mjs.conf"), "not: this");
  await nri.start(fakeHost());
  deepEqual(
    nri.plugins().map(({ fullName }) => fullName),
    ["10-first.mjs"],
  );
  await nri.notify("RunPodSandbox", { pod: testPod() }, t.signal);
  deepEqual(JSON.parse(readFileSync(join(directory, "environment"), "utf8")), {
    NRI_PLUGIN_NAME: "first.mjs",
    NRI_PLUGIN_IDX: "10",
    NRI_PLUGIN_SOCKET: "3",
  });
  equal(readFileSync(join(directory, "config"), "utf8"), "mine: 1");
  const [pid = 0, child = 0] = readFileSync(join(directory, "pids"), "utf8").split(" ").map(Number);
  ok(isThere(pid) && isThere(child));
  await nri.close();
  equal(isThere(pid), false);
  // The child is init's to reap, or whoever stands in for it.
  await until("the child is gone", () => !isThere(child));
  ok(log.some(({ fields }) => fields["line"] === "ready to serve"));
});

test("what is no plugin, or does not start, is passed over with a reason, and the start goes on", async (t) => {
  const { nri, directory, log } = prepare(t);
  install(directory, "badly-named", "#!/bin/sh\n");
  install(directory, "10-not-executable", "#!/bin/sh\n", 0o644);
  install(directory, "20-module.wasm", "\0asm\x01\0\0\0");
  install(directory, "30-no-interpreter", "#!/nonexistent\n");
  install(directory, "40-ends", "#!/bin/sh\nexit 3\n");
  mkdirSync(join(directory, "plugins/50-directory"));
  await nri.start(fakeHost());
  equal(nri.plugins().length, 0);
  deepEqual(
    log
      .filter(({ message }) => /passed over|not started|not taken/.test(message))
      .map(
        ({ message, fields }) =>
          `${message} ${String(fields["plugin"] ?? fields["path"])
            .split("/")
            .at(-1)}`,
      )
      .toSorted(),
    [
      "NRI plugin not started 30-no-interpreter",
      "NRI plugin not taken 40-ends",
      "NRI plugin passed over 20-module.wasm",
      "NRI plugin passed over badly-named",
    ],
  );
});

test("the socket is root's alone, in a directory that is, replaces a dead one and goes with the runtime", async (t) => {
  const { nri, directory } = prepare(t);
  const path = join(directory, "run/nri.sock");
  mkdirSync(join(directory, "run"), { mode: 0o700 });
  const dead = createServer().listen(path);
  await new Promise((resolve) => dead.once("listening", resolve));
  // As a killed process leaves it: the listener is gone, the file is not.
  const { renameSync } = await import("node:fs");
  renameSync(path, `${path}.kept`);
  await new Promise((resolve) => dead.close(resolve));
  renameSync(`${path}.kept`, path);
  await nri.start(fakeHost());
  equal(lstatSync(path).mode & 0o777, 0o600);
  await nri.close();
  equal(existsSync(path), false);
});

test("a socket that another process serves, or a file, is left alone", async (t) => {
  const { nri, directory } = prepare(t);
  const path = join(directory, "run/nri.sock");
  mkdirSync(join(directory, "run"));
  const other = createServer().listen(path);
  t.after(() => other.close());
  await new Promise((resolve) => other.once("listening", resolve));
  await rejects(nri.start(fakeHost()), { code: Code.FailedPrecondition, message: /another process serves it/ });
  ok(existsSync(path));
  const file = prepare(t);
  mkdirSync(join(file.directory, "run"));
  writeFileSync(join(file.directory, "run/nri.sock"), "precious");
  await rejects(file.nri.start(fakeHost()), /it is not a socket/);
});

test("a socket that another has put in its place is not removed", async (t) => {
  const { nri, directory } = prepare(t);
  const path = join(directory, "run/nri.sock");
  await nri.start(fakeHost());
  equal(lstatSync(join(directory, "run")).mode & 0o777, 0o700);
  rmSync(path);
  const other = createServer().listen(path);
  t.after(() => other.close());
  await new Promise((resolve) => other.once("listening", resolve));
  await nri.close();
  ok(existsSync(path));
});
