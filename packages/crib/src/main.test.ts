import { equal, match, ok } from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("main.ts", import.meta.url));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function crib(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...args], (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

test("version prints one line, or JSON", async () => {
  const [text, json] = await Promise.all([crib("version"), crib("version", "--json")]);
  match(text.stdout, /^crib \d+\.\d+\.\d+ \(node 2\d\..*\)\n$/);
  equal((JSON.parse(json.stdout) as { node: string }).node, process.versions.node);
});

test("every command has a help with its flags", async () => {
  const commands = [
    "serve",
    "demo",
    "doctor",
    "trace",
    "inspect",
    "pull",
    "images",
    "rmi",
    "image",
    "config",
    "version",
  ];
  const helps = await Promise.all(commands.map((command) => crib(command, "--help")));
  for (const [index, help] of helps.entries()) {
    equal(help.code, 0);
    match(help.stdout, new RegExp(`^Usage: crib ${commands[index]} `));
  }
});

test("a wrong command line exits 2 and suggests", async () => {
  const [command, flag] = await Promise.all([crib("srve"), crib("config", "--chek")]);
  equal(command.code, 2);
  match(command.stderr, /^crib: unknown command 'srve'\n\(Did you mean serve\?\)\n$/);
  equal(flag.code, 2);
  match(flag.stderr, /--check/);
});

test("a failure is one line and exits 1", async () => {
  const ended = await crib("config", "--config", "/nonexistent/crib.toml");
  equal(ended.code, 1);
  match(ended.stderr, /^crib: reading configuration "\/nonexistent\/crib.toml": ENOENT.*\n$/);
  ok(!ended.stdout);
});
