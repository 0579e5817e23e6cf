import { setTimeout as delay } from "node:timers/promises";

import { type ContainerEnd, type CriClient, waitForExit } from "@crib/cri-client";
import { Code, hasCode, StatusError } from "@crib/errdefs";
import { connectExec } from "@crib/streaming";

import { copyLog } from "../logs/copy-log.ts";
import { readWholeLog } from "../logs/read-whole-log.ts";
import { type Terminal, takeTerminal } from "../streams/terminal.ts";
import { CaughtUpOutput } from "./caught-up-output.ts";

/** A container that was created, to be started and seen to its end. */
export interface Attachment {
  readonly containerId: string;
  readonly logPath: string;
  readonly stdin: boolean;
  readonly tty: boolean;
  readonly start: () => Promise<void>;
  /** Called when nobody reads our output any more. */
  readonly onUnread: () => void;
}

/**
 * Starts a container joined with our own streams, and gives its end. Nothing that it writes is lost, however short it runs: without a terminal
 * the output is that of its log; with one the connection is there before the start.
 */
export async function joinContainer(client: CriClient, attachment: Attachment): Promise<ContainerEnd> {
  return attachment.tty ? await joinTerminal(client, attachment) : await joinLog(client, attachment);
}

async function joinLog(client: CriClient, attachment: Attachment): Promise<ContainerEnd> {
  await attachment.start();
  let hasEnded = false;
  const over = new AbortController();
  const end = waitForExit(client, attachment.containerId).finally(() => {
    hasEnded = true;
    over.abort();
  });
  end.catch(() => {}); // seen below
  try {
    const input = attachment.stdin ? sendInput(client, attachment.containerId, over.signal) : undefined;
    const isRead = await copyLog(attachment.logPath, { isComplete: () => hasEnded });
    if (!isRead) attachment.onUnread();
    await Promise.all([end, input]);
  } finally {
    // It would keep this process from ending.
    if (attachment.stdin) process.stdin.destroy();
  }
  return await end;
}

/** Sends standard input to its end, or to the container's. */
async function sendInput(client: CriClient, containerId: string, over: AbortSignal): Promise<void> {
  try {
    const { url } = await client.runtime.attach({ containerId, stdin: true });
    await connectExec(url, { stdin: process.stdin }, over);
  } catch (reason) {
    // One that has ended wants no input.
    if (!over.aborted && !hasCode(reason, Code.FailedPrecondition)) throw reason;
  }
}

async function joinTerminal(client: CriClient, attachment: Attachment): Promise<ContainerEnd> {
  const { containerId, logPath, stdin, start } = attachment;
  try {
    using terminal = stdin ? takeTerminal() : undefined;
    const output = new CaughtUpOutput({ output: process.stdout, readLog: () => readWholeLog(logPath) });
    const connect = (options: ConnectOptions = {}): Promise<void> =>
      connectTerminal(client, containerId, terminal, output, options);
    const unstarted = new AbortController();
    const opened = Promise.withResolvers<void>();
    let connection = connect({ onOpen: opened.resolve, signal: unstarted.signal });
    connection.catch(() => {}); // seen below
    await Promise.race([opened.promise, connection]);
    try {
      await start();
    } catch (reason) {
      unstarted.abort();
      await connection.catch(() => {}); // why there is nothing to be joined is told
      throw reason;
    }
    // Before, there was no process to be told.
    terminal?.tellAgain();
    const end = waitForExit(client, containerId);
    const ended = end.then(
      () => true,
      () => true,
    );
    await connection;
    // The daemon may be restarted meanwhile: the connection breaks, and the container runs on.
    while (!(await Promise.race([ended, delay(200, false)]))) {
      connection = connect();
      await connection;
    }
    await output.finish();
    return await end;
  } finally {
    // It would keep this process from ending.
    if (stdin) process.stdin.destroy();
  }
}

interface ConnectOptions {
  /** Of the first connection: called when it stands. All that is written later comes over it. */
  readonly onOpen?: () => void;
  readonly signal?: AbortSignal;
}

/** Settles when the connection is over, for whatever reason: whether the container runs on is seen elsewhere. */
async function connectTerminal(
  { runtime }: CriClient,
  containerId: string,
  terminal: Terminal | undefined,
  output: CaughtUpOutput,
  { onOpen, signal = new AbortController().signal }: ConnectOptions,
): Promise<void> {
  const { stream, join } = output.connection({ isComplete: onOpen !== undefined });
  const opened = (): void => {
    join();
    onOpen?.();
  };
  try {
    const stdin = terminal ? { stdin: process.stdin } : {};
    const { url } = await runtime.attach({ containerId, tty: true, stdin: terminal !== undefined, stdout: true });
    const resizes = terminal ? { resizes: terminal.resizes } : {};
    await connectExec(url, { ...stdin, stdout: stream, tty: true, ...resizes, onOpen: opened }, signal);
  } catch (reason) {
    if (!isLoss(reason)) throw reason;
  }
  await output.leave();
}

/** The container has ended, or the daemon has gone for a moment. */
function isLoss(reason: unknown): boolean {
  const { code } = StatusError.from(reason);
  return code !== Code.InvalidArgument && code !== Code.PermissionDenied && code !== Code.Unimplemented;
}
