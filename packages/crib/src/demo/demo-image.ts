import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { posix } from "node:path";
import { promisify } from "node:util";

import { type LayerEntry, oneLayerArchive } from "@crib/core/images";
import type { CriClient } from "@crib/cri-client";
import { Code, StatusError } from "@crib/errdefs";
import { parseReference } from "@crib/oci-spec";
import { Images } from "@crib/wire/admin";

const run = promisify(execFile);

/** Where Debian has busybox; scripts/setup installs it. */
const busyboxPaths = ["/usr/bin/busybox", "/bin/busybox"];
/** Bytes of a message. */
const chunkBytes = 256 * 1024;
/** The page that the demo's web server has. */
const page = "Hello from a container of crib.\n";

/** Makes an image of the machine's busybox and a page for it to serve, and gives it to the daemon: no registry is needed. Gives its name. */
export async function importDemoImage(client: CriClient, signal: AbortSignal): Promise<string> {
  const name = "localhost/crib/demo:latest";
  const { archive } = oneLayerArchive(
    {
      entries: await demoEntries(),
      config: { Env: ["PATH=/bin"], Cmd: ["/bin/busybox", "sh"], WorkingDir: "/" },
      nameOf: () => parseReference(name),
    },
    signal,
  );
  await client.service(Images).import(messages(archive), { signal });
  return name;
}

async function demoEntries(): Promise<readonly LayerEntry[]> {
  const busybox = await readBusybox();
  const files = new Map<string, Uint8Array>([
    ["bin/busybox", busybox.program],
    ["www/index.html", Buffer.from(page)],
    ["etc/resolv.conf", Buffer.alloc(0)],
  ]);
  for (const library of busybox.libraries) files.set(library.slice(1), await readFile(library));
  const directories = new Set(["dev", "proc", "sys", "tmp"]);
  for (const file of files.keys()) {
    for (let dir = posix.dirname(file); dir !== "."; dir = posix.dirname(dir)) directories.add(dir);
  }
  return [
    ...[...directories].sort().map((name): LayerEntry => ({ name: `${name}/`, type: "directory" })),
    ...[...files].map(([name, content]): LayerEntry => ({
      name,
      type: "file",
      content,
      mode: name.startsWith("www/") ? 0o644 : 0o755,
    })),
  ];
}

async function readBusybox(): Promise<{ readonly program: Uint8Array; readonly libraries: readonly string[] }> {
  for (const path of busyboxPaths) {
    try {
      const program = await readFile(path);
      return { program, libraries: await librariesOf(path) };
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code !== "ENOENT") throw StatusError.from(reason, `reading "${path}"`);
    }
  }
  throw new StatusError(
    Code.FailedPrecondition,
    'making an image for the demo: Debian\'s package "busybox" is not installed; scripts/setup installs it',
  );
}

/** What a program is loaded with; nothing where it is static, which ldd says by failing. */
async function librariesOf(path: string): Promise<readonly string[]> {
  try {
    const { stdout } = await run("ldd", [path]);
    return [...new Set([...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, library = ""]) => library))];
  } catch (reason) {
    // Its exit code is a number; a word says that there is no ldd.
    if (typeof (reason as { readonly code?: unknown }).code === "number") return [];
    throw StatusError.from(reason, `finding the libraries of "${path}"`);
  }
}

async function* messages(
  archive: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly name?: string; readonly data?: Uint8Array; readonly end?: true }> {
  yield { name: "" };
  for await (const chunk of archive) {
    for (let at = 0; at < chunk.length; at += chunkBytes) yield { data: chunk.subarray(at, at + chunkBytes) };
  }
  yield { end: true };
}
