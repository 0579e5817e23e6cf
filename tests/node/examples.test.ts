import { equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { openSnippetFolder, readSnippets } from "../../scripts/testing/readme-snippets.ts";
import { needsRoot } from "../support/needs-root.ts";
import { outputOf, runProgram } from "../support/run-program.ts";
import { startNode } from "../support/start-node.ts";

const examples = join(import.meta.dirname, "../../examples");

function runExample(name: string, ...args: readonly string[]): Promise<string> {
  return outputOf(process.execPath, join(examples, name), ...args);
}

test("ttrpc-echo.ts answers what it is sent", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "crib-echo-"));
  const socket = join(dir, "echo.sock");
  const server = spawn(process.execPath, [join(examples, "ttrpc-echo.ts"), "serve", socket], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(server, "exit");
  t.after(async () => {
    server.kill("SIGKILL");
    await ended;
    rmSync(dir, { recursive: true });
  });
  await once(server.stdout, "data");
  equal(await runExample("ttrpc-echo.ts", "call", socket, "hello", "world"), "hello world\nHELLO\nWORLD\n");
  server.kill("SIGTERM");
  equal((await ended)[0], 0);
});

test("libcni-attach.ts attaches a namespace of ip netns, and detaches it", needsRoot, async (t) => {
  const { lane, cniConfDir } = await startNode(t);
  const name = `cribt${lane.number}-example`;
  const options = ["--conf-dir", cniConfDir, "--cache-dir", join(lane.dir, "example-cache")];
  await runProgram(["ip", "netns", "add", name]);
  try {
    const said = await runExample("libcni-attach.ts", "add", name, ...options);
    const ip = /: (\S+)/.exec(said)?.[1] ?? "";
    ok(ip.startsWith(`${lane.prefix}.`), said);
    match(
      await outputOf("ip", "netns", "exec", name, "ip", "-brief", "address", "show", "eth0"),
      new RegExp(` ${ip}/`),
    );
    equal(await runExample("libcni-attach.ts", "del", name, ...options), `${name} is detached\n`);
    equal(await outputOf("ip", "-netns", name, "-oneline", "link", "show", "type", "veth"), "");
  } finally {
    await runExample("libcni-attach.ts", "del", name, ...options);
    await runProgram(["ip", "netns", "delete", name]);
  }
});

test("cri-list.ts and the snippet of the CRI client speak with a daemon", needsRoot, async (t) => {
  const node = await startNode(t);
  const [running, stopped] = [await node.runPod({ name: "running" }), await node.runPod({ name: "stopped" })];
  await stopped.stop();
  const [first, ...rows] = (await runExample("cri-list.ts", `unix://${node.socket}`)).trimEnd().split("\n");
  match(first ?? "", /^crib \d+\.\d+/);
  const expected = [
    `${running.id.slice(0, 13)}  default/running  READY  ${await running.address()}`,
    `${stopped.id.slice(0, 13)}  default/stopped  NOTREADY`,
  ];
  equal(rows.join("\n"), expected.toSorted().join("\n"));

  using folder = openSnippetFolder();
  for (const snippet of readSnippets("packages/cri-client/README.md")) {
    const file = folder.add(snippet, { "/run/crib/crib.sock": node.socket });
    equal(await outputOf(process.execPath, file), `${snippet.prints.join("\n")}\n`);
  }
});
