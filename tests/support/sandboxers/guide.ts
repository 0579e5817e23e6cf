import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { umountTree } from "@crib/linux";

import { endAfter } from "../end-after.ts";
import { eventually } from "../eventually.ts";
import { isRunning } from "../is-running.ts";

const root = join(import.meta.dirname, "../../..");

/** The guide, as it is. */
export const guideText = readFileSync(join(root, "docs/write-a-sandboxer.md"), "utf8");

/** The folder that a reader of the guide has at its end. */
export interface Guide {
  readonly folder: string;
  /** Where its sandboxer keeps what it knows: `/run/mine` in the guide. */
  readonly stateDir: string;
  /** The tables of its crib.toml whose names begin so, by the rest of their names. */
  tables(kind: "runtimes" | "sandboxers"): Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** A program of the guide that runs. */
export interface GuideProgram {
  readonly pid: number;
  log(): string;
  /** Sends it a signal, and waits for its end. */
  end(signal: NodeJS.Signals): Promise<void>;
}

/**
 * Writes the files of the guide: fenced blocks whose first line (the second after a `#!`) is a comment with the name; one that is "added to" a file
 * follows what that has. Places on the machine are replaced by those below a directory of this test, which goes when the test has ended.
 */
export function writeGuide(t: TestContext): Guide {
  const dir = mkdtempSync(join(tmpdir(), "crib-guide-"));
  endAfter(t, async () => {
    await umountTree(dir);
    rmSync(dir, { recursive: true });
  });
  const folder = join(dir, "folder");
  const stateDir = join(dir, "mine");
  mkdirSync(folder);
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  const blocks = guideText.matchAll(/^```[a-z]+\n((?:#!.*\n)?(?:\/\/|#) (?:added to )?([\w.-]+)\n[^]*?)^```$/gm);
  for (const [, text = "", name = ""] of blocks) {
    const placed = text.replaceAll("/root/mine/", `${folder}/`).replaceAll("/run/mine", stateDir);
    writeFileSync(join(folder, name), placed, { flag: "a", mode: 0o755 });
  }
  const tables = readTables(readFileSync(join(folder, "crib.toml"), "utf8"));
  return {
    folder,
    stateDir,
    tables: (kind) =>
      Object.fromEntries(
        tables
          .filter(({ path }) => path.startsWith(`${kind}.`))
          .map(({ path, values }) => [path.slice(kind.length + 1), values]),
      ),
  };
}

/** Runs a program of the guide, and waits until it says that it serves. It ends with the test. */
export async function startGuideProgram(t: TestContext, guide: Guide, name: string): Promise<GuideProgram> {
  let output = "";
  const child = spawn(process.execPath, [name], { stdio: ["ignore", "ignore", "pipe"], cwd: guide.folder });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = once(child, "exit");
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    // The number is its own until its exit was seen.
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await ended;
  };
  endAfter(t, () => end("SIGTERM"));
  await eventually(20_000, () => {
    if (!isRunning(child.pid ?? 0)) throw new Error(`${name} has ended: ${output}`);
    if (!/"(sandboxer serves|tasks are served)"/.test(output)) throw new Error(`${name} does not serve: ${output}`);
  });
  return { pid: child.pid ?? 0, log: () => output, end };
}

/** Tables of TOML that have nothing but texts. */
function readTables(
  toml: string,
): readonly { readonly path: string; readonly values: Readonly<Record<string, string>> }[] {
  return [...toml.matchAll(/^\[(.+)\]\n((?:\w+ = .*\n)*)/gm)].map(([, path = "", lines = ""]) => ({
    path,
    values: Object.fromEntries([...lines.matchAll(/^(\w+) = "(.*)"$/gm)].map(([, key, value]) => [key, value])),
  }));
}
