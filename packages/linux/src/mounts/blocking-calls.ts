import { Worker } from "node:worker_threads";

import { Code, StatusError } from "@crib/errdefs";

import type { CallFailure, MountAnswer, MountCall, MountResults } from "./mount-worker.ts";

/** Some of them may be stuck in the kernel; when all are, further calls fail at their deadlines. */
const maximumWorkers = 8;
/** A worker costs a start of some 50 ms, a mount takes well below 1 ms: others are worth waiting for so long. */
const patienceMs = 50;
/** An idle worker holds some 20 MB, so it goes when there is nothing more to do. */
const idleMs = 10_000;
const source = new URL(import.meta.url.endsWith(".ts") ? "./mount-worker.ts" : "./mount-worker.js", import.meta.url);

const idle: Worker[] = [];
const waiting: ((worker: Worker) => void)[] = [];
let count = 0;

let expiry: NodeJS.Timeout | undefined;

function drop<T>(list: T[], item: T): boolean {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
  return index >= 0;
}

function startWorker(): Worker {
  const worker = new Worker(source, { execArgv: [], env: {}, resourceLimits: { maxOldGenerationSizeMb: 16 } });
  count += 1;
  // Its end is what matters, and "exit" follows; without a listener the error would end the process.
  worker.on("error", () => undefined);
  worker.once("exit", () => {
    count -= 1;
    drop(idle, worker);
    if (waiting.length > 0) waiting.shift()?.(startWorker());
  });
  return worker;
}

/** Gives a worker that is free, soon free or new; undefined at the deadline. */
async function acquire(deadlineMs: number): Promise<Worker | undefined> {
  const free = idle.pop() ?? (count === 0 ? startWorker() : undefined);
  if (free !== undefined) return free;
  const turn = Promise.withResolvers<Worker | undefined>();
  waiting.push(turn.resolve);
  const impatient = setTimeout(() => {
    if (count < maximumWorkers && drop(waiting, turn.resolve)) turn.resolve(startWorker());
  }, patienceMs);
  const late = setTimeout(() => {
    if (drop(waiting, turn.resolve)) turn.resolve(undefined);
  }, deadlineMs);
  try {
    return await turn.promise;
  } finally {
    clearTimeout(impatient);
    clearTimeout(late);
  }
}

/** Hands a worker to the next call, or keeps one; a stuck one goes as soon as the kernel lets it. */
function release(worker: Worker, isStuck: boolean): void {
  const next = isStuck ? undefined : waiting.shift();
  if (next !== undefined) return next(worker);
  worker.unref();
  if (isStuck || idle.length > 0) return void worker.terminate();
  idle.push(worker);
  clearTimeout(expiry);
  expiry = setTimeout(() => void idle.pop()?.terminate(), idleMs).unref();
}

/** One call on one worker; undefined at the deadline. */
async function ask(worker: Worker, call: MountCall, deadlineMs: number): Promise<MountAnswer | "ended" | undefined> {
  const answer = Promise.withResolvers<MountAnswer | "ended" | undefined>();
  const ended = (): void => answer.resolve("ended");
  worker.once("message", answer.resolve);
  worker.once("exit", ended);
  const late = setTimeout(() => answer.resolve(undefined), deadlineMs);
  try {
    worker.ref();
    worker.postMessage(call, []);
    return await answer.promise;
  } finally {
    clearTimeout(late);
    worker.off("message", answer.resolve);
    worker.off("exit", ended);
  }
}

/** The error that a failure in a worker was. */
export function errorOf({ code, message, errno }: CallFailure): StatusError {
  return new StatusError(code, message, { cause: Object.assign(new Error(message), { code: errno }) });
}

/**
 * Runs one call on a thread of its own, since a call on a dead server or disk may never return. Gives the result of
 * the system call, or throws what the worker did; DeadlineExceeded after `timeoutMs`. The kernel may then still carry the call
 * out some day.
 */
export async function callInWorker<Name extends MountCall["name"]>(
  call: MountCall & { readonly name: Name },
  timeoutMs: number,
  doing: string,
): Promise<MountResults[Name]> {
  const end = performance.now() + timeoutMs;
  const worker = await acquire(timeoutMs);
  if (worker === undefined) {
    throw new StatusError(Code.DeadlineExceeded, `${doing}: other calls block all threads for ${timeoutMs} ms`);
  }
  const answer = await ask(worker, call, Math.max(0, end - performance.now()));
  release(worker, answer === undefined || answer === "ended");
  if (answer === undefined) {
    throw new StatusError(Code.DeadlineExceeded, `${doing}: still blocked in the kernel after ${timeoutMs} ms`);
  }
  if (answer === "ended") throw new StatusError(Code.Internal, `${doing}: its thread has ended`);
  if ("failure" in answer) throw errorOf(answer.failure);
  return answer.result as MountResults[Name];
}
