import { createHash } from "node:crypto";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import { measureTree } from "@crib/linux";

import { TarReader } from "../tar/index.ts";
import type { LayerLimits, UnpackedLayer, UnpackJob } from "../types.ts";
import { type JobControl, runSteps } from "../worker/job-control.ts";
import { BlobSource, damaged } from "./blob-source.ts";
import { readArchive } from "./inflate.ts";
import { LayerSink } from "./layer-sink.ts";

/** Headers for each entry that are its own: PAX, GNU long name, GNU long link. */
const headersPerEntry = 4;

/** Hashes an archive, counts its bytes and has them read. */
class ArchiveIntake {
  readonly #reader: TarReader;
  readonly #hash;
  readonly #limitBytes: number;
  #bytes = 0;

  constructor(sink: LayerSink, algorithm: string, limits: LayerLimits) {
    const headers = limits.entries * headersPerEntry;
    this.#reader = new TarReader(sink, { headers, headerBytes: limits.headerBytes });
    this.#hash = createHash(algorithm);
    this.#limitBytes = limits.unpackedBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#limitBytes) {
      throw new StatusError(Code.ResourceExhausted, `its archive is larger than ${this.#limitBytes} bytes`);
    }
    this.#hash.update(chunk);
    this.#reader.push(chunk);
  }

  /** DataLoss when it was another archive; InvalidArgument when it was none. */
  finish(algorithm: string, diffId: string): void {
    const found = `${algorithm}:${this.#hash.digest("hex")}`;
    if (found !== diffId) throw damaged(`its archive has the diff id "${found}" instead of "${diffId}"`);
    this.#reader.finish();
  }
}

/** Reads what is left of a blob, so that its digest is known. */
async function drain(source: BlobSource): Promise<void> {
  while ((await source.next()) !== undefined);
}

/** Unpacks the archive; what is wrong with it is told only when the blob is the right one, since else that is the reason. */
async function takeArchive(source: BlobSource, intake: ArchiveIntake, control: JobControl): Promise<void> {
  let failure: unknown;
  try {
    for await (const chunk of readArchive(source)) {
      control.check();
      intake.push(chunk);
    }
  } catch (error) {
    if (!hasCode(error, Code.InvalidArgument)) throw error;
    failure = error;
  }
  await drain(source);
  source.verify();
  if (failure !== undefined) throw failure;
}

async function unpack(job: UnpackJob, control: JobControl): Promise<UnpackedLayer> {
  using source = new BlobSource(job.blobPath, job.digest, job.size, control);
  using sink = new LayerSink(job.target, job.limits);
  const algorithm = job.diffId.startsWith("sha512:") ? "sha512" : "sha256";
  const intake = new ArchiveIntake(sink, algorithm, job.limits);
  await takeArchive(source, intake, control);
  intake.finish(algorithm, job.diffId);
  const written = sink.finish();
  const usage = await runSteps(measureTree(job.target), control);
  return { ...written, archiveBytes: intake.bytes, usage };
}

/** Unpacks one layer on this thread. Errors as of `UnpackRun.done`. */
export async function unpackLayer(job: UnpackJob, control: JobControl): Promise<UnpackedLayer> {
  try {
    return await unpack(job, control);
  } catch (error) {
    throw StatusError.from(error, `unpacking layer "${job.digest}"`);
  }
}
