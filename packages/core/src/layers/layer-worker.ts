import { parentPort, workerData } from "node:worker_threads";

import { Code, StatusError } from "@crib/errdefs";
import { completeTree, copyTree, measureTree, removeTree, syncFileSystem, useDescriptorLedger } from "@crib/linux";

import { packTree } from "./pack/pack-tree.ts";
import { hashFile } from "./unpack/hash-file.ts";
import { unpackLayer } from "./unpack/unpack-layer.ts";
import { JobCells } from "./worker/job-cells.ts";
import { JobControl, runSteps } from "./worker/job-control.ts";
import type { FromWorker, JobRequest, JobResults, ToWorker } from "./worker/messages.ts";

const jobs = new Map<number, JobControl>();
let isEnding = false;

function decode(path: string): Buffer {
  return Buffer.from(path, "base64");
}

async function settle(request: JobRequest & { kind: "settle" }, control: JobControl): Promise<null> {
  const { target, layer, below } = request;
  const needs = {
    impliedDirectories: layer.impliedDirectories.map(decode),
    linksBelow: layer.linksBelow.map((link) => ({ path: decode(link.path), target: decode(link.target) })),
    isRootOpaque: layer.hidesBelow === true,
  };
  try {
    await runSteps(completeTree(target, needs, below), control);
    return null;
  } catch (error) {
    throw StatusError.from(error, `completing layer in "${target}"`);
  }
}

async function run(request: JobRequest, control: JobControl): Promise<JobResults[JobRequest["kind"]]> {
  if (request.kind === "unpack") return await unpackLayer(request.job, control);
  if (request.kind === "settle") return await settle(request, control);
  if (request.kind === "copy") {
    const { root, path, target } = request;
    return { isThere: await runSteps(copyTree(root, path, target), control) };
  }
  if (request.kind === "pack") {
    const { path, mappings, target } = request;
    return { size: await runSteps(packTree(path, mappings, target), control) };
  }
  if (request.kind === "usage") return await runSteps(measureTree(request.path), control);
  if (request.kind === "hash") return await runSteps(hashFile(request.path, request.algorithm), control);
  if (request.kind === "remove") await runSteps(removeTree(request.path), control);
  else await syncFileSystem(request.path);
  return null;
}

async function answer(id: number, request: JobRequest, control: JobControl): Promise<void> {
  try {
    tell({ kind: "done", id, result: await run(request, control) });
  } catch (error) {
    // An error that nobody classified is a fault of this code, not of the layer.
    const { code, message } = StatusError.from(error);
    tell({ kind: "failed", id, code: code === Code.Unknown ? Code.Internal : code, message });
  } finally {
    jobs.delete(id);
    endIfIdle();
  }
}

function tell(message: FromWorker): void {
  parentPort?.postMessage(message);
}

/** Without its port, which is all that it waits for, the thread comes to its end. */
function endIfIdle(): void {
  if (isEnding && jobs.size === 0) parentPort?.close();
}

const { ledger } = workerData as { readonly ledger: SharedArrayBuffer };
useDescriptorLedger(ledger);
parentPort?.on("message", (message: ToWorker) => {
  if (message.kind === "wake") return jobs.get(message.id)?.wake();
  if (message.kind === "end") {
    isEnding = true;
    return endIfIdle();
  }
  const control = new JobControl(new JobCells(message.shared));
  jobs.set(message.id, control);
  void answer(message.id, message.request, control);
});
tell({ kind: "ready" });
