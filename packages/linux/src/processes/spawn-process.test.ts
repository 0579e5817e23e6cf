import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";

import { Code, type StatusError } from "@crib/errdefs";

import { openMemoryFile } from "../files/memory-file.ts";
import { openDescriptors, temporaryDirectory } from "../testing/host.ts";
import { until } from "../testing/until.ts";
import { type SpawnedProcess, spawnProcess, type SpawnRequest } from "./spawn-process.ts";

const shell = (script: string, more: Partial<SpawnRequest> = {}): SpawnRequest => ({
  path: "/bin/sh",
  args: ["-c", script],
  env: { PATH: "/usr/bin:/bin" },
  ...more,
});

/** Starts a script whose group ends with the test. */
function start(t: TestContext, script: string, more: Partial<SpawnRequest> = {}): SpawnedProcess {
  const child = spawnProcess(shell(script, more));
  t.after(async () => {
    child.kill("SIGKILL");
    await child.exit;
    child.stdout.destroy();
    child.stderr.destroy();
  });
  return child;
}

/** The children of this process that nobody has reaped. */
function zombies(): readonly string[] {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").split(" ").filter(Boolean);
  return children.filter((pid) => / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8")));
}

const isThere = (pid: number): boolean => {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};

test("arguments, environment, directory and input go in; both outputs and the exit code come out", async (t) => {
  const cwd = temporaryDirectory(t);
  const stdinFd = openMemoryFile(Buffer.from("input, ä"));
  t.after(() => closeSync(stdinFd));
  const { exit, stdout, stderr } = spawnProcess({
    path: "/bin/sh",
    args: ["-c", 'cat; echo "|$0|$1|$MARK|$HOME|$PWD"; echo loud >&2; exit 7', "name", "two words"],
    env: { PATH: "/usr/bin:/bin", MARK: "a=b" },
    cwd,
    stdinFd,
  });
  equal(await text(stdout), `input, ä|name|two words|a=b||${cwd}\n`);
  equal(await text(stderr), "loud\n");
  deepEqual(await exit, { exitCode: 7, signal: null });
});

test("without an input the program reads its end at once", async () => {
  const { stdout } = spawnProcess(shell("readlink /proc/self/fd/0; cat"));
  equal(await text(stdout), "/dev/null\n");
});

test("the program has no descriptor but its three, no signal blocked or ignored, and its own session", async () => {
  // Programs that change nothing of it themselves, as a shell would.
  const status = await text(spawnProcess({ path: "/bin/cat", args: ["/proc/self/status"], env: {} }).stdout);
  match(status, /^SigBlk:\s0{16}$/m);
  match(status, /^SigIgn:\s0{16}$/m);
  match(
    readFileSync("/proc/self/status", "utf8"),
    /^SigIgn:\s0*[0-9a-f]*[13579bdf]000$/m,
    "Node does not ignore SIGPIPE, so nothing is shown",
  );
  // The fourth is the open directory itself.
  const ls = spawnProcess({ path: "/bin/ls", args: ["/proc/self/fd"], env: {} });
  equal(await text(ls.stdout), "0\n1\n2\n3\n");
  const stat = spawnProcess({ path: "/bin/cat", args: ["/proc/self/stat"], env: {} });
  const [, , group, session] = (await text(stat.stdout)).replace(/.*\) /, "").split(" ");
  deepEqual([group, session], [String(stat.pid), String(stat.pid)]);
});

test("its output is a pipe that blocks and can be opened by name", async () => {
  const { stdout, exit } = spawnProcess(shell("head -c 1000000 /dev/zero; echo end > /dev/stdout"));
  await delay(50); // the pipe is full by now
  equal((await text(stdout)).length, 1_000_004);
  equal((await exit).exitCode, 0);
});

test("a signal that ended the program has its name, a real-time one its number", async () => {
  deepEqual(await spawnProcess(shell("kill -SEGV $$")).exit, { exitCode: null, signal: "SIGSEGV" });
  deepEqual(await spawnProcess(shell("kill -ABRT $$")).exit, { exitCode: null, signal: "SIGABRT" });
  deepEqual(await spawnProcess(shell("kill -40 $$")).exit, { exitCode: null, signal: "SIG40" });
});

test("kill reaches the whole group, at once after the start, and nobody once the program is reaped", async (t) => {
  const child = start(t, "sleep 60 & echo $!; wait");
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  equal(child.kill("SIGKILL"), true);
  equal((await child.exit).signal, "SIGKILL");
  await until("the grandchild is dead", () => !isThere(Number(line.toString())));
  equal(child.kill("SIGKILL"), false);
  for (let round = 0; round < 20; round++) {
    const early = start(t, "sleep 60");
    equal(early.kill("SIGKILL"), true);
    equal((await early.exit).signal, "SIGKILL");
  }
});

test("a program that closes its output and lives on is waited for", async (t) => {
  const sign = join(temporaryDirectory(t), "sign");
  const child = start(t, `exec >&- 2>&-; while [ ! -e ${sign} ]; do sleep 0.02; done; exit 5`);
  child.stdout.resume();
  child.stderr.resume();
  await Promise.all([once(child.stdout, "close"), once(child.stderr, "close")]);
  ok(isThere(child.pid));
  writeFileSync(sign, "");
  equal((await child.exit).exitCode, 5);
});

test("the end is noticed although a grandchild keeps the output open", async (t) => {
  const child = start(t, "sleep 60 & echo $!; exit 4");
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  t.after(() => process.kill(Number(line.toString()), "SIGKILL"));
  equal((await child.exit).exitCode, 4);
  equal(child.stdout.readableEnded, false);
  ok(isThere(Number(line.toString())));
});

const refusals: readonly (readonly [string, string, Code, (dir: string) => Partial<SpawnRequest>])[] = [
  ["a missing program", "ENOENT", Code.NotFound, () => ({ path: "/nonexistent" })],
  ["a missing directory", "ENOENT", Code.NotFound, () => ({ cwd: "/nonexistent" })],
  ["a directory", "EACCES", Code.PermissionDenied, () => ({ path: "/" })],
  ["a file that is not executable", "EACCES", Code.PermissionDenied, (dir) => script(dir, "#!/bin/sh\n", 0o644)],
  ["a missing interpreter", "ENOENT", Code.NotFound, (dir) => script(dir, "#!/nonexistent\n")],
  ["a script without #!", "ENOEXEC", Code.FailedPrecondition, (dir) => script(dir, "exit 0\n")],
  ["too many arguments", "E2BIG", Code.InvalidArgument, () => ({ args: ["x".repeat(200_000)] })],
  ["a NUL in an argument", "EINVAL", Code.InvalidArgument, () => ({ args: ["a\0b"] })],
  ["a NUL in the environment", "EINVAL", Code.InvalidArgument, () => ({ env: { A: "a\0b" } })],
  ["a closed input", "EBADF", Code.Unknown, () => ({ stdinFd: 999_999 })],
];

function script(dir: string, content: string, mode = 0o755): Partial<SpawnRequest> {
  const path = join(dir, `script-${mode}`);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return { path };
}

for (const [what, errno, code, change] of refusals)
  test(`${what} is ${errno}, at once, and leaves nothing`, async (t) => {
    const request = shell("exit 0", change(temporaryDirectory(t)));
    const before = openDescriptors();
    throws(
      () => spawnProcess(request),
      (error: StatusError) => {
        equal(error.code, code);
        equal((error.cause as NodeJS.ErrnoException).code, errno);
        match(error.message, new RegExp(`^starting program "${request.path}": ${errno}: `));
        return true;
      },
    );
    await until("the pipes are closed", () => openDescriptors() === before);
    deepEqual(zombies(), []);
  });

test("a relative path is refused", () => {
  throws(() => spawnProcess(shell("exit 0", { path: "sh" })), { code: Code.InvalidArgument });
});

test("a program that is being written is ETXTBSY", (t) => {
  const dir = temporaryDirectory(t);
  const path = join(dir, "true");
  writeFileSync(path, readFileSync("/bin/true"), { mode: 0o755 });
  const fd = openSync(path, "r+");
  t.after(() => closeSync(fd));
  throws(
    () => spawnProcess(shell("", { path })),
    (error: StatusError) => {
      equal((error.cause as NodeJS.ErrnoException).code, "ETXTBSY");
      return error.code === Code.Unavailable;
    },
  );
});

test("hundreds of programs at a time leave no zombie and no descriptor, and each has its own exit code", async () => {
  const before = openDescriptors();
  let [next, most] = [0, 0];
  const turn = async (): Promise<void> => {
    while (next < 600) {
      const code = next++ % 200;
      const child = spawnProcess({ path: "/bin/sh", args: ["-c", `exit ${code}`], env: {} });
      child.stdout.resume();
      child.stderr.resume();
      equal((await child.exit).exitCode, code);
      most = Math.max(most, openDescriptors());
    }
  };
  await Promise.all(Array.from({ length: 32 }, turn));
  ok(most - before < 400, `${most} descriptors: the pipes' turn did not come while programs were started`);
  deepEqual(zombies(), []);
  await until("all pipes are closed", () => openDescriptors() <= before);
});

test("a child of node:child_process keeps its exit code beside ours, and ours is reaped if nobody asks", async () => {
  const foreign = Array.from({ length: 10 }, (_, code) => {
    spawnProcess({ path: "/bin/true", args: [], env: {} }).stdout.resume();
    return once(spawn("/bin/sh", ["-c", `exit ${code}`]), "exit");
  });
  const codes = (await Promise.all(foreign)).map(([code]) => code as number);
  deepEqual(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  await until("no zombie is left", () => zombies().length === 0);
});

test("a worker thread, which gets no signals, can start programs too", async () => {
  const source = `
    const { spawnProcess } = await import(${JSON.stringify(new URL("spawn-process.ts", import.meta.url).href)});
    const { parentPort } = await import("node:worker_threads");
    const child = spawnProcess({ path: "/bin/sh", args: ["-c", "exit 9"], env: {} });
    parentPort.postMessage(await child.exit);`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  const [exit] = (await once(worker, "message")) as [unknown];
  deepEqual(exit, { exitCode: 9, signal: null });
});

test("a running program keeps the event loop alive until it has ended", async () => {
  const source = `
    import { spawnProcess } from ${JSON.stringify(new URL("spawn-process.ts", import.meta.url).href)};
    const child = spawnProcess({ path: "/bin/sleep", args: ["0.2"], env: {} });
    child.stdout.destroy(); child.stderr.destroy();
    child.exit.then(({ exitCode }) => console.log("exit", exitCode));`;
  const node = spawnProcess({ path: process.execPath, args: ["--input-type=module", "-e", source], env: {} });
  equal(await text(node.stdout), "exit 0\n");
});
