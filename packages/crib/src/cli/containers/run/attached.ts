import { setTimeout as delay } from "node:timers/promises";

import { type ContainerEnd, type CriClient, waitForExit } from "@crib/cri-client";
import { Code, hasCode, StatusError } from "@crib/errdefs";
import { connectExec } from "@crib/streaming";

import { copyLog } from "../logs/copy-log.ts";
import { readWholeLog } from "../logs/read-whole-log.ts";
import { type Terminal, takeTerminal } from "../streams/terminal.ts";
import { CaughtUpOutput } from "./caught-up-output.ts";

/** A container that has been started, to be seen to its end. */
export interface Attachment {
  readonly containerId: string;
  readonly logPath: string;
  readonly stdin: boolean;
  readonly tty: boolean;
  /** Called when nobody reads our output any more. */
  readonly onUnread: () => void;
}

/**
 * Joins our own streams with a container that was just started and gives its end. Nothing that it wrote is lost, however short it
 * runs: without a terminal the output is that of its log; with one what came before the connection is.
 */
export async function joinContainer(client: CriClient, attachment: Attachment): Promise<ContainerEnd> {
  let hasEnded = false;
  const over = new AbortController();
  const end = waitForExit(client, attachment.containerId).finally(() => {
    hasEnded = true;
    over.abort();
  });
  end.catch(() => {}); // seen below
  try {
    if (attachment.tty) await joinTerminal(client, attachment, end);
    else {
      const input = attachment.stdin ? sendInput(client, attachment.containerId, over.signal) : undefined;
      const isRead = await copyLog(attachment.logPath, { isComplete: () => hasEnded });
      if (!isRead) attachment.onUnread();
      await Promise.all([end, input]);
    }
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

async function joinTerminal(
  client: CriClient,
  { containerId, logPath, stdin }: Attachment,
  end: Promise<ContainerEnd>,
): Promise<void> {
  using terminal = stdin ? takeTerminal() : undefined;
  const output = new CaughtUpOutput({ output: process.stdout, readLog: () => readWholeLog(logPath) });
  const ended = end.then(
    () => true,
    () => true,
  );
  // The daemon may be restarted meanwhile: the connection breaks, and the container runs on.
  do {
    await connectTerminal(client, containerId, output, terminal);
  } while (!(await Promise.race([ended, delay(200, false)])));
  await output.finish();
}

/** Settles when the connection is over, for whatever reason: whether the container runs on is seen elsewhere. */
async function connectTerminal(
  { runtime }: CriClient,
  containerId: string,
  output: CaughtUpOutput,
  terminal: Terminal | undefined,
): Promise<void> {
  const { stream, join } = output.connection();
  const never = new AbortController().signal;
  try {
    const stdin = terminal ? { stdin: process.stdin } : {};
    const { url } = await runtime.attach({ containerId, tty: true, stdin: terminal !== undefined, stdout: true });
    const resizes = terminal ? { resizes: terminal.resizes } : {};
    await connectExec(url, { ...stdin, stdout: stream, tty: true, ...resizes, onOpen: join }, never);
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
