import type { CriClient } from "@crib/cri-client";
import { Code, StatusError } from "@crib/errdefs";
import { connectExec } from "@crib/streaming";

import { type EndpointOptions, withClient } from "../endpoint.ts";
import { chooseContainer, listInventory } from "./find-container.ts";
import { takeEndSignals } from "./streams/end-signals.ts";
import { takeTerminal } from "./streams/terminal.ts";

/** The flags of `crib exec`. */
export interface ExecOptions extends EndpointOptions {
  readonly interactive?: true;
  readonly tty?: true;
}

/** Runs a command in a container, joined with our own streams. The exit code is the command's. */
export async function execCommand(word: string, command: readonly string[], options: ExecOptions): Promise<void> {
  await joinProcess(word, options, async ({ runtime }, containerId, streams) => {
    const { url } = await runtime.exec({ containerId, cmd: [...command], ...streams });
    return url;
  });
}

/** Joins our own streams with a container's first process, from now on. Exit code 0 when it has ended. */
export async function attachCommand(word: string, options: ExecOptions): Promise<void> {
  await joinProcess(word, options, async ({ runtime }, containerId, streams) => {
    const { url } = await runtime.attach({ containerId, ...streams });
    return url;
  });
}

/** Which streams a session has. */
interface Streams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

async function joinProcess(
  word: string,
  options: ExecOptions,
  ask: (client: CriClient, containerId: string, streams: Streams) => Promise<string>,
): Promise<void> {
  const { interactive = false, tty = false } = options;
  if (tty && interactive && !process.stdin.isTTY) {
    throw new StatusError(Code.FailedPrecondition, "taking the terminal: standard input is none; leave -t out");
  }
  using signals = takeEndSignals();
  await withClient(options, async (client) => {
    const { id } = chooseContainer(await listInventory(client), word);
    const url = await ask(client, id, { stdin: interactive, stdout: true, stderr: !tty, tty });
    using terminal = tty && interactive ? takeTerminal() : undefined;
    try {
      const { exitCode } = await connectExec(
        url,
        {
          ...(interactive && { stdin: process.stdin }),
          stdout: process.stdout,
          ...(!tty && { stderr: process.stderr }),
          tty,
          ...(terminal && { resizes: terminal.resizes }),
        },
        signals.first,
      );
      process.exitCode = exitCode;
    } catch (reason) {
      if (!signals.first.aborted) throw reason;
      process.exitCode = signals.exitCode();
    } finally {
      // It would keep this process from ending.
      if (interactive) process.stdin.destroy();
    }
  });
}
