import { PortForwards } from "@crib/cri-client";
import { Code, StatusError } from "@crib/errdefs";

import { type EndpointOptions, withClient } from "../endpoint.ts";
import { ExitCode } from "../exit-code.ts";
import { failureLine } from "../failure-line.ts";
import { choosePod } from "../find-pod.ts";
import { takeEndSignals } from "./streams/end-signals.ts";

/** A port of this machine that leads to one of a pod. */
export interface ForwardedPort {
  /** 0 is any free one. */
  readonly local: number;
  readonly remote: number;
}

/** Reads `[LOCAL:]REMOTE`; `:REMOTE` takes any free local port. InvalidArgument for anything else. */
export function parseForwardedPort(text: string): ForwardedPort {
  const groups = /^(?:(?<local>\d{0,5}):)?(?<remote>\d{1,5})$/.exec(text)?.groups;
  const remote = Number(groups?.["remote"]);
  const local = groups?.["local"] === undefined ? remote : Number(groups["local"] || "0");
  if (remote >= 1 && remote <= 65_535 && local <= 65_535) return { local, remote };
  throw new StatusError(Code.InvalidArgument, `reading port "${text}": expected [LOCAL:]REMOTE, each from 1 to 65535`);
}

/** Listens on 127.0.0.1 and passes connections on into a pod, until it is told to end. */
export async function portForwardCommand(
  pod: string,
  ports: readonly string[],
  options: EndpointOptions,
): Promise<void> {
  const wanted = ports.map(parseForwardedPort);
  using signals = takeEndSignals();
  await withClient(options, async (client) => {
    const { items } = await client.runtime.listPodSandbox({});
    await using forward = new PortForwards({
      client,
      podSandboxId: choosePod(items, pod),
      signal: signals.first,
      onError: (reason) => process.stderr.write(`${failureLine(reason)}\n`),
    });
    // Tells now that the pod is not ready, rather than with the first connection.
    await forward.open();
    for (const { local, remote } of wanted) {
      const port = await forward.listen(local, remote);
      console.log(`127.0.0.1:${port} -> ${remote}`);
    }
    await new Promise<void>((resolve) => {
      if (signals.first.aborted) resolve();
      signals.first.addEventListener("abort", () => resolve());
    });
  });
  process.exitCode = ExitCode.ok;
}
