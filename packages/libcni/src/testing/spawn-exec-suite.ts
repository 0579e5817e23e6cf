import { equal, match, ok, rejects } from "node:assert/strict";
import { chmod, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Code } from "@crib/errdefs";

import type { PluginExit } from "../execution/plugin-exec.ts";
import type { SpawnChild } from "../execution/spawn-child.ts";
import { spawnExec } from "../execution/spawn-exec.ts";
import { PluginError } from "../plugin-error.ts";
import { writeFixturePlugins, type FixturePlugin } from "./fixture-plugins.ts";
import { openTempDir } from "./temp-dir.ts";

interface Bench extends AsyncDisposable {
  readonly log: string;
  readonly dir: string;
  run(
    plugin: FixturePlugin,
    options?: { budgetMs?: number; abortGraceMs?: number; signal?: AbortSignal; stdin?: string },
  ): Promise<PluginExit>;
}

async function openBenchOf(spawn: SpawnChild): Promise<Bench> {
  const dir = await openTempDir();
  await writeFixturePlugins(dir.path);
  const exec = spawnExec({ scratchDir: join(dir.path, "scratch"), spawn });
  const log = join(dir.path, "LOG");
  return {
    log,
    dir: dir.path,
    run: (plugin, { budgetMs = 60_000, abortGraceMs = 0, signal = new AbortController().signal, stdin = "{}" } = {}) =>
      exec.run(
        {
          path: join(dir.path, plugin),
          plugin,
          command: "ADD",
          env: { PATH: "/usr/bin:/bin", CNI_COMMAND: "ADD", LOG: log },
          stdin,
          budgetMs,
          abortGraceMs,
        },
        signal,
      ),
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

/** Whether a process of that number still runs; one that is dead but not reaped does not. */
async function isAlive(pid: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid.trim()}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/\) [ZX] /.test(stat);
}

async function loggedPid(bench: Bench): Promise<string> {
  for (;;) {
    const pid = await readFile(bench.log, "utf8").catch(() => "");
    if (pid.endsWith("\n")) return pid.trim();
    await sleep(5);
  }
}

/** Runs a plugin that hangs until its budget has killed it: a longer one each time, until the plugin got as far as to say its pid. */
async function killAtBudget(bench: Bench, plugin: FixturePlugin): Promise<string> {
  for (let budgetMs = 200; ; budgetMs *= 2) {
    const before = performance.now();
    await rejects(bench.run(plugin, { budgetMs }), (error: PluginError) => {
      equal(error.code, Code.DeadlineExceeded);
      equal(error.message, `running CNI plugin "${plugin}" for ADD: killed after its budget of ${budgetMs} ms`);
      return error instanceof PluginError;
    });
    ok(performance.now() - before >= budgetMs - 1);
    const pid = await readFile(bench.log, "utf8").catch(() => "");
    if (pid.endsWith("\n")) return pid;
  }
}

/** What `spawnExec` promises, to be run with each way of starting programs. */
export function spawnExecSuite(label: string, spawn: SpawnChild): void {
  const openBench = (): Promise<Bench> => openBenchOf(spawn);

  test(`${label}: a plugin reads its configuration from stdin, also by the name /dev/stdin, and its output comes back`, async () => {
    await using bench = await openBench();
    const stdin = JSON.stringify({ name: "x", filler: "y".repeat(200_000) });
    const exit = await bench.run("echo", { stdin });
    equal(exit.exitCode, 0);
    equal(exit.stdout, '{"cniVersion":"1.0.0","ips":[{"address":"10.231.1.2/24"}]}\n');
    equal(await readFile(bench.log, "utf8"), `ADD ${stdin}\n`);
  });

  test(`${label}: the environment is the one given and nothing else`, async () => {
    await using bench = await openBench();
    process.env["LIBCNI_TEST_SECRET"] = "leak";
    await bench.run("environment");
    const names = (await readFile(bench.log, "utf8")).match(/^[A-Z_]+(?==)/gm) ?? [];
    // PWD, SHLVL and _ are the shell's own.
    equal(names.filter((name) => !["PWD", "SHLVL", "_", "OLDPWD"].includes(name)).join(), "CNI_COMMAND,LOG,PATH");
  });

  test(`${label}: an exit code, a signal and stderr are reported as they are`, async () => {
    await using bench = await openBench();
    const failed = await bench.run("fail-json");
    equal(failed.exitCode, 1);
    equal(failed.stderr, "trace line\n");
    const killed = await bench.run("killed");
    equal(killed.exitCode, undefined);
    equal(killed.killedBy, "SIGSEGV");
  });

  test(`${label}: more than 1 MiB of output kills the plugin and quotes the start`, async () => {
    await using bench = await openBench();
    for (const plugin of ["huge", "endless"] as const)
      await rejects(bench.run(plugin), (error: PluginError) => {
        equal(error.code, Code.ResourceExhausted);
        match(error.message, new RegExp(`plugin "${plugin}" for ADD: printed more than 1048576 bytes: "xxxx`));
        ok(error.message.length < 500);
        return true;
      });
  });

  test(`${label}: only the end of a loud stderr is kept`, async () => {
    await using bench = await openBench();
    const { stderr } = await bench.run("loud-stderr");
    equal(stderr.length, 64 * 1024);
    ok(stderr.endsWith("eeEND\n"));
  });

  test(`${label}: at its budget a hanging plugin that ignores SIGTERM is dead before the call rejects`, async () => {
    await using bench = await openBench();
    equal(await isAlive(await killAtBudget(bench, "hang")), false);
  });

  test(`${label}: a child of the plugin that keeps its output open dies with it`, async () => {
    await using bench = await openBench();
    equal(await isAlive(await killAtBudget(bench, "hang-child")), false);
  });

  test(`${label}: an abort kills the plugin, and a timeout signal is a deadline`, async () => {
    await using bench = await openBench();
    const controller = new AbortController();
    const running = bench.run("hang", { signal: controller.signal });
    const pid = await loggedPid(bench);
    controller.abort();
    await rejects(running, { code: Code.Canceled });
    equal(await isAlive(pid), false);
    await rejects(bench.run("hang", { signal: AbortSignal.timeout(100) }), { code: Code.DeadlineExceeded });
    await rejects(bench.run("noop", { signal: controller.signal }), { code: Code.Canceled });
  });

  test(`${label}: after an abort a plugin may end by itself within the grace, and is killed after it`, async () => {
    await using bench = await openBench();
    const controller = new AbortController();
    const running = bench.run("slow", { signal: controller.signal, abortGraceMs: 60_000 });
    await loggedPid(bench);
    controller.abort();
    equal((await running).stdout, "done\n");
    await rm(bench.log);
    const late = new AbortController();
    const hanging = bench.run("hang", { signal: late.signal, abortGraceMs: 100 });
    await loggedPid(bench);
    late.abort(new DOMException("it took too long", "TimeoutError"));
    await rejects(hanging, { code: Code.DeadlineExceeded, message: /killed 100 ms after the call was aborted/ });
  });

  test(`${label}: output held open by a child after a good exit is waited for two seconds, then the child is ended`, async () => {
    await using bench = await openBench();
    const exit = await bench.run("exit-child");
    equal(exit.exitCode, 0);
    equal(exit.stdout, '{"cniVersion":"1.0.0"}\n');
    equal(await isAlive(await loggedPid(bench)), false);
  });

  test(`${label}: a child that a failed plugin leaves behind is ended`, async () => {
    await using bench = await openBench();
    equal((await bench.run("fail-child")).exitCode, 1);
    equal(await isAlive(await loggedPid(bench)), false);
  });

  test(`${label}: a binary that is being written is retried until it is whole, and then given up`, async () => {
    await using bench = await openBench();
    const path = join(bench.dir, "noop");
    const writer = await open(path, "r+");
    const running = bench.run("noop");
    await sleep(50);
    await writer.close();
    equal((await running).exitCode, 0);
    await using held = await open(path, "r+");
    ok(held.fd > 0);
    await rejects(bench.run("noop", { budgetMs: 1 }), (error: PluginError) => {
      match(error.message, /starting CNI plugin ".*\/noop" for ADD: .*ETXTBSY/);
      return true;
    });
  });

  test(`${label}: a plugin that cannot be executed is an error with its path, and never NotFound`, async () => {
    await using bench = await openBench();
    await writeFile(join(bench.dir, "noop"), "#!/no/such/interpreter\n", { mode: 0o755 });
    await rejects(bench.run("noop"), { code: Code.FailedPrecondition, message: /starting CNI plugin .*noop.*ENOENT/ });
    await chmod(join(bench.dir, "garbage"), 0o644);
    await rejects(bench.run("garbage"), { code: Code.PermissionDenied });
  });

  test(`${label}: no file descriptor and no file stays after many runs`, async () => {
    await using bench = await openBench();
    const count = async (): Promise<number> => (await readdir("/proc/self/fd")).length;
    await bench.run("noop");
    const before = await count();
    for (let i = 0; i < 20; i++) await bench.run("noop");
    ok((await count()) <= before);
    equal((await readdir(join(bench.dir, "scratch"))).join(), "");
  });
}
