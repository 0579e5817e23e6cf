import { deepEqual, equal, match } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const module = new URL("../index.ts", import.meta.url).href;

/** Runs statements in a Node of their own, which becomes a subreaper: it lasts as long as the process. */
function runAlone(statements: string): string {
  const script = `import * as linux from ${JSON.stringify(module)};
    import fs from "node:fs";
    import { spawn } from "node:child_process";
    import { once } from "node:events";
    import { text } from "node:stream/consumers";
    import { setTimeout as delay } from "node:timers/promises";
    const children = () => fs.readFileSync("/proc/self/task/" + process.pid + "/children", "utf8").split(" ").filter(Boolean);
    const shell = (script) => linux.spawnProcess({ path: "/bin/sh", args: ["-c", script], env: { PATH: "/bin:/usr/bin" } });
    linux.becomeChildSubreaper();
    linux.becomeChildSubreaper();
    ${statements}`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  return stdout + stderr;
}

test("what a program leaves behind is adopted, and its end is known, however early", () => {
  const output = runAlone(`
    const results = [];
    // Not before the shell is sleep, which unlike a shell reaps nobody.
    const early = "until [ $(cat /proc/$$/comm) = sleep ]; do :; done; exit 4";
    for (const script of ["sleep 0.1; exit 3", early, "sleep 1000"]) {
      const child = shell("(" + script + ") >/dev/null 2>&1 & echo $!; exec sleep 0.05");
      child.stderr.resume();
      const output = text(child.stdout);
      await child.exit;
      const pid = Number(await output);
      const adopted = linux.adoptChild(pid);
      if (script.startsWith("sleep 1000")) process.kill(pid, "SIGTERM");
      const keep = setTimeout(() => undefined, 60_000);
      results.push(await adopted);
      clearTimeout(keep);
    }
    console.log(JSON.stringify([results, children()]));`);
  const ends = [3, 4, null].map((exitCode) => ({ exitCode, signal: exitCode === null ? "SIGTERM" : null }));
  deepEqual(JSON.parse(output), [ends, []]);
});

test("the end of one that was reaped is known to who asks late, once", () => {
  const output = runAlone(`
    const early = "until [ $(cat /proc/$$/comm) = sleep ]; do :; done; exit 4";
    const child = shell("(" + early + ") >/dev/null 2>&1 & echo $!; exec sleep 0.05");
    child.stderr.resume();
    const output = text(child.stdout);
    await child.exit;
    const pid = Number(await output);
    while (children().length > 0) await delay(20);
    console.log(JSON.stringify([await linux.adoptChild(pid), await linux.adoptChild(pid)]));`);
  deepEqual(JSON.parse(output), [
    { exitCode: 4, signal: null },
    { exitCode: null, signal: null },
  ]);
});

test("what nobody waits for leaves no zombie, and libuv's children stay libuv's", () => {
  const output = runAlone(`
    const child = shell("for i in 1 2 3 4 5; do sleep 0.02 & done; exit 0");
    child.stdout.resume(); child.stderr.resume();
    await child.exit;
    const codes = [];
    for (let round = 0; round < 5; round++) {
      const own = spawn("/bin/sh", ["-c", "exit " + round]);
      // The event loop stands still while it ends, and longer than an orphan is left alone.
      const end = Date.now() + 250;
      while (Date.now() < end);
      codes.push((await once(own, "exit"))[0]);
    }
    while (children().length > 0) await delay(20);
    console.log(JSON.stringify(codes));`);
  match(output, /^\[/);
  equal(output, "[0,1,2,3,4]\n");
});

test("what is no child settles with nothing known", () => {
  const output = runAlone(`
    const keep = setTimeout(() => undefined, 10_000);
    console.log(JSON.stringify(await linux.adoptChild(1)));
    clearTimeout(keep);`);
  deepEqual(JSON.parse(output), { exitCode: null, signal: null });
});
