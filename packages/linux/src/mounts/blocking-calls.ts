import { once } from "node:events";
import { Worker } from "node:worker_threads";

import { Code, StatusError } from "@crib/errdefs";

import type { MountCall } from "./mount-worker.ts";

/** Beyond this many calls at once, of which some may be stuck in the kernel, further ones wait within their deadline. */
const maximumWorkers = 8;
const source = new URL(import.meta.url.endsWith(".ts") ? "./mount-worker.ts" : "./mount-worker.js", import.meta.url);

const idle: Worker[] = [];
const waiting: (() => void)[] = [];
let running = 0;

function startWorker(): Worker {
  const worker = new Worker(source, { execArgv: [], env: {}, resourceLimits: { maxOldGenerationSizeMb: 16 } });
  // A worker that dies while idle is replaced by the next call; while it works the call sees its exit.
  worker.on("error", () => undefined);
  worker.once("exit", () => {
    const index = idle.indexOf(worker);
    if (index >= 0) idle.splice(index, 1);
  });
  return worker;
}

async function takeTurn(deadline: AbortSignal): Promise<void> {
  if (running < maximumWorkers) {
    running += 1;
    return;
  }
  const turn = Promise.withResolvers<void>();
  const wake = (): void => turn.resolve();
  const late = (): void => turn.reject(deadline.reason);
  waiting.push(wake);
  deadline.addEventListener("abort", late, { once: true });
  try {
    await turn.promise;
  } catch (error) {
    const index = waiting.indexOf(wake);
    if (index >= 0) waiting.splice(index, 1);
    throw error;
  } finally {
    deadline.removeEventListener("abort", late);
  }
}

function giveTurn(): void {
  const next = waiting.shift();
  if (next === undefined) running -= 1;
  else next();
}

/** Gives a worker back: one is kept for the next call, a stuck one keeps its turn until the kernel lets it go. */
function release(worker: Worker, isStuck: boolean): void {
  worker.unref();
  if (!isStuck && idle.length === 0) {
    idle.push(worker);
    giveTurn();
    return;
  }
  worker.once("exit", giveTurn);
  void worker.terminate();
}

/**
 * Runs one mount call on a thread of its own, since a call on a dead server or disk may never return. Gives the result of
 * the system call; DeadlineExceeded after `timeoutMs`. The kernel may then still carry the call out some day.
 */
export async function callInWorker(call: MountCall, timeoutMs: number, doing: string): Promise<number> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const late = (): StatusError =>
    new StatusError(Code.DeadlineExceeded, `${doing}: still blocked in the kernel after ${timeoutMs} ms`);
  try {
    await takeTurn(deadline);
  } catch {
    throw late();
  }
  const worker = idle.pop() ?? startWorker();
  let isStuck = true;
  try {
    worker.ref();
    const answer = once(worker, "message", { signal: deadline }) as Promise<[number]>;
    const exit = once(worker, "exit", { signal: deadline }).then(() => {
      throw new StatusError(Code.Internal, `${doing}: the worker ended`);
    });
    worker.postMessage(call, []);
    const [result] = await Promise.race([answer, exit]);
    exit.catch(() => undefined);
    isStuck = false;
    return result;
  } catch (error) {
    if (deadline.aborted) throw late();
    throw StatusError.from(error, doing);
  } finally {
    release(worker, isStuck);
  }
}
