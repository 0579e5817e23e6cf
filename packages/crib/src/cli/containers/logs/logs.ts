import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

import { followFile, LogDecoder, type LogEntry, waitForExit } from "@crib/cri-client";
import { Code, hasCode, StatusError } from "@crib/errdefs";
import { ContainerState } from "@crib/wire/cri";

import { type EndpointOptions, withClient } from "../../endpoint.ts";
import { chooseContainer, listInventory } from "../find-container.ts";
import { writeEntries } from "./copy-log.ts";
import { isSince, LastLines } from "./log-selection.ts";
import { parseSince, parseTail } from "./parse-since.ts";
import { rotatedFiles } from "./rotated-files.ts";
import { Timestamps } from "./timestamps.ts";

/** The flags of `crib logs`. */
export interface LogsOptions extends EndpointOptions {
  readonly follow?: true;
  readonly tail?: string;
  readonly since?: string;
  readonly timestamps?: true;
}

/** Prints what a container wrote, to the output that it wrote it to; with `follow` until it has ended. */
export async function logsCommand(word: string, options: LogsOptions): Promise<void> {
  const tail = options.tail === undefined ? undefined : parseTail(options.tail);
  const sinceMs = options.since === undefined ? undefined : parseSince(options.since);
  await withClient(options, async (client) => {
    const { id } = chooseContainer(await listInventory(client), word);
    const { status } = await client.runtime.containerStatus({ containerId: id });
    const path = status?.logPath ?? "";
    if (path === "")
      throw new StatusError(Code.FailedPrecondition, `reading the log of container "${id}": it has none`);
    let isComplete = options.follow !== true || status?.state === ContainerState.CONTAINER_EXITED;
    const stop = new AbortController();
    if (!isComplete) {
      // A container that is removed meanwhile has no more to say either.
      waitForExit(client, id, stop.signal).then(
        () => (isComplete = true),
        (reason: unknown) => stop.abort(reason),
      );
    }
    const lines = readLines(path, { isComplete: () => isComplete, signal: stop.signal });
    await printLines(lines, { tail, sinceMs, hasTimes: options.timestamps === true });
    if (stop.signal.aborted && !hasCode(stop.signal.reason, Code.NotFound)) throw stop.signal.reason;
    stop.abort();
  });
}

/** What is printed of a log. */
interface Choice {
  readonly tail: number | undefined;
  readonly sinceMs: number | undefined;
  readonly hasTimes: boolean;
}

/** Entries as they are read: those that were there at first, then those that came since. */
interface Batch {
  readonly entries: readonly LogEntry[];
  readonly isOld: boolean;
}

async function printLines(batches: AsyncIterable<Batch>, { tail, sinceMs, hasTimes }: Choice): Promise<void> {
  const times = hasTimes ? new Timestamps() : undefined;
  const print = async (entries: readonly LogEntry[]): Promise<boolean> =>
    await writeEntries(times ? entries.map((entry) => times.add(entry)) : entries);
  let last = tail === undefined ? undefined : new LastLines(tail);
  for await (const { entries, isOld } of batches) {
    const wanted = entries.filter((entry) => isSince(entry, sinceMs));
    if (last && isOld) {
      for (const entry of wanted) last.add(entry);
      continue;
    }
    const kept = last?.take() ?? [];
    last = undefined;
    if (!(await print([...kept, ...wanted]))) return;
  }
  await print(last?.take() ?? []);
}

async function* readLines(
  path: string,
  options: { readonly isComplete: () => boolean; readonly signal: AbortSignal },
): AsyncGenerator<Batch> {
  const decoder = new LogDecoder();
  for (const file of await rotatedFiles(path)) yield { entries: decoder.decode(await readRotated(file)), isOld: true };
  let isOld = true;
  for await (const piece of followFile(path, options)) {
    yield { entries: decoder.decode(piece), isOld };
    // An empty piece: what was there at first has been read.
    if (piece.length === 0 && isOld) {
      isOld = false;
      yield { entries: [], isOld };
    }
  }
}

async function readRotated(path: string): Promise<Buffer> {
  try {
    const bytes = await readFile(path);
    return path.endsWith(".gz") ? await promisify(gunzip)(bytes) : bytes;
  } catch (reason) {
    // Old ones are removed at any time.
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw StatusError.from(reason, `reading "${path}"`);
  }
}
