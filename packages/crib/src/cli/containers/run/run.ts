import { randomBytes } from "node:crypto";

import type { CriClient } from "@crib/cri-client";
import { Code, StatusError } from "@crib/errdefs";

import { withClient } from "../../endpoint.ts";
import { failureLine } from "../../failure-line.ts";
import { removePod, stopContainer } from "../pods/end-pod.ts";
import { ensureImage } from "../pods/ensure-image.ts";
import { createContainer, runPod, startContainer } from "../pods/run-pod.ts";
import { type EndSignals, takeEndSignals } from "../streams/end-signals.ts";
import { joinContainer } from "./attached.ts";
import { planRun, type RunOptions } from "./run-plan.ts";

/** Name of the one container of the pods of `crib run`. */
const containerName = "main";

/** Seconds that a container has to end when crib is told to. */
const graceSeconds = 10;

/**
 * Runs a pod with one container, joined with our own streams, and removes it at the end, whatever ends it. The exit code is the
 * container's, or 128 and the number of the signal that ended crib.
 */
export async function runCommand(image: string, command: readonly string[], options: RunOptions): Promise<void> {
  const name = options.name ?? inventName(image);
  const plan = planRun(name, image, command, options);
  checkTerminal(options);
  using signals = takeEndSignals();
  await withClient(options, async (client) => {
    const { runtimeHandler } = options;
    const present = await interruptible(signals, image, async (signal) =>
      ensureImage(client, image, { policy: "IfNotPresent", runtimeHandler, signal }),
    );
    if (!present) return;
    const pod = await runPod(client, {
      name,
      namespace: "default",
      madeBy: "run",
      runtimeHandler,
      config: plan.pod,
    });
    let isKept = false;
    try {
      if (signals.first.aborted) return;
      const containerId = await createContainer(client, pod, containerName, plan.container(present));
      if (signals.first.aborted) return;
      if (options.detach) {
        await startContainer(client, containerId);
        console.log(`${pod.id}\n${containerId}`);
      } else process.exitCode = await joinToItsEnd(client, containerId, options, signals);
      isKept = options.detach === true || !options.rm;
    } finally {
      if (!isKept || signals.first.aborted) await removeAfterwards(client, pod);
    }
  });
  const ended = signals.exitCode();
  if (ended !== undefined) process.exitCode = ended;
}

function checkTerminal({ tty, interactive, detach }: RunOptions): void {
  if (tty && interactive && !detach && !process.stdin.isTTY) {
    throw new StatusError(Code.FailedPrecondition, "taking the terminal: standard input is none; leave -t out");
  }
}

/** Undefined when a signal came first. */
async function interruptible<T>(
  { first }: EndSignals,
  image: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work(first);
  } catch (reason) {
    if (!first.aborted) throw reason;
    process.stderr.write(`crib: pulling "${image}": interrupted\n`);
    return undefined;
  }
}

async function joinToItsEnd(
  client: CriClient,
  containerId: string,
  options: RunOptions,
  signals: EndSignals,
): Promise<number> {
  const stop = (seconds: number): void => {
    stopContainer(client, containerId, seconds).catch((reason: unknown) => {
      process.stderr.write(`${failureLine(reason)}\n`);
    });
  };
  const start = async (): Promise<void> => {
    await startContainer(client, containerId);
    signals.first.addEventListener("abort", () => stop(graceSeconds));
    signals.second.addEventListener("abort", () => stop(0));
    if (signals.first.aborted) stop(graceSeconds);
  };
  const { status } = await client.runtime.containerStatus({ containerId });
  const { exitCode, reason, message } = await joinContainer(client, {
    containerId,
    logPath: status?.logPath ?? "",
    stdin: options.interactive === true,
    tty: options.tty === true,
    start,
    onUnread: () => stop(graceSeconds),
  });
  if (reason === "OOMKilled") process.stderr.write("crib: the container took more memory than it may\n");
  else if (message !== "") process.stderr.write(`${failureLine(message)}\n`);
  return exitCode;
}

async function removeAfterwards(client: CriClient, pod: Parameters<typeof removePod>[1]): Promise<void> {
  try {
    await removePod(client, pod);
  } catch (reason) {
    const { code, message } = StatusError.from(reason);
    throw new StatusError(code, `removing pod "${pod.id}": ${message}`, { cause: reason });
  }
}

/** A name that says what it is: the last part of the image's, and four digits. */
function inventName(image: string): string {
  const last = (image.split("@")[0] ?? "").split("/").at(-1)?.split(":")[0] ?? "";
  const stem = last
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 40);
  return `${stem || "pod"}-${randomBytes(2).toString("hex")}`;
}
