import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";

import { type CriClient, waitForExit } from "@crib/cri-client";
import { StatusError } from "@crib/errdefs";

import { type EndpointOptions, withClient } from "../../endpoint.ts";
import { ExitCode } from "../../exit-code.ts";
import { escapeControls } from "../../print-json.ts";
import { listInventory } from "../find-container.ts";
import { takeEndSignals } from "../streams/end-signals.ts";
import { type Applied, applyManifest } from "./apply-manifest.ts";
import { type ReadManifest, readManifests } from "./read-manifests.ts";

/** The flags of `crib apply`. */
export interface ApplyOptions extends EndpointOptions {
  /** Wait until the containers have ended. */
  readonly wait?: true;
}

/** Makes the pods of manifests, all of which are read before anything is made. */
export async function applyCommand(files: readonly string[], options: ApplyOptions): Promise<void> {
  const read: ReadManifest[] = [];
  for (const file of files) read.push(...(await readFileOf(file)));
  warnOfRestarts(read);
  using signals = takeEndSignals();
  await withClient(options, async (client) => {
    const applied: Applied[] = [];
    try {
      for (const each of read) {
        // Listed anew: two documents may name the same pod.
        const one = await applyManifest(client, each, await listInventory(client), signals.first);
        console.log(`pod/${each.manifest.metadata.name} ${one.what}`);
        applied.push(one);
      }
      if (options.wait) await waitForAll(client, applied, signals.first);
    } catch (reason) {
      if (!signals.first.aborted) throw reason;
      process.stderr.write("crib: interrupted\n");
      process.exitCode = signals.exitCode();
    }
  });
}

async function readFileOf(file: string): Promise<readonly ReadManifest[]> {
  const source = file === "-" ? "standard input" : `"${file}"`;
  const content = await (file === "-" ? text(process.stdin) : readFile(file, "utf8")).catch((reason: unknown) => {
    throw StatusError.from(reason, `reading ${source}`);
  });
  const read = readManifests(content, source);
  for (const { manifest, warnings } of read) {
    for (const warning of warnings) warn(`pod "${manifest.metadata.name}": ${warning}`);
  }
  return read;
}

/** Said once, however many pods there are. */
function warnOfRestarts(read: readonly ReadManifest[]): void {
  const policies = new Set(read.map(({ manifest }) => manifest.spec.restartPolicy ?? "Always"));
  policies.delete("Never");
  if (policies.size === 0) return;
  warn(`containers that end are not started again (restartPolicy ${[...policies].join(", ")}): there is no kubelet`);
}

function warn(text: string): void {
  process.stderr.write(`crib: warning: ${escapeControls(text).replaceAll(/\s*\n\s*/g, " ")}\n`);
}

async function waitForAll(client: CriClient, applied: readonly Applied[], signal: AbortSignal): Promise<void> {
  const waits = applied.flatMap(({ containers }) =>
    [...containers].map(async ([name, id]) => {
      const { exitCode, reason } = await waitForExit(client, id, signal);
      console.log(`container/${name} ${reason} ${exitCode}`);
      if (exitCode !== 0) process.exitCode = ExitCode.failed;
    }),
  );
  await Promise.all(waits);
}
