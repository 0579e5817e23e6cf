import type { Shims } from "../../tasks/index.ts";
import type { ShimPod } from "./shim-pod.ts";
import type { ShimControllerBudgets } from "./types.ts";

/** What `crictl inspectp` shows of a boundary: what its bundle says of the shim, and what the shim says of the sandbox. Never fails for the shim. */
export async function shimInfo(
  shims: Pick<Shims, "describe" | "spec">,
  budgets: ShimControllerBudgets,
  pod: ShimPod,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const { id, process } = pod;
  const [shim, spec, said] = await Promise.all([shims.describe(id), shims.spec(id), askShim(pod, budgets, signal)]);
  return {
    ...said,
    ...(process === undefined ? {} : { pid: String(process.pid) }),
    ...(shim?.process === undefined ? {} : { shimPid: String(shim.process.pid) }),
    ...(shim?.endpoint === undefined
      ? {}
      : {
          shimAddress: shim.endpoint.address,
          shimVersion: String(shim.endpoint.version),
          shimProtocol: shim.endpoint.protocol,
        }),
    ...(shim === undefined ? {} : { runtimeType: shim.runtimeType, shimBinary: shim.binary }),
    ...(spec === undefined ? {} : { runtimeSpec: spec }),
  };
}

async function askShim(
  { id, link, exit }: ShimPod,
  budgets: ShimControllerBudgets,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  if (link === undefined || exit.status !== undefined) return {};
  try {
    const client = await link.open(signal);
    const call = { signal, timeoutMs: budgets.other };
    const { state, info } = await client.call("sandboxStatus", { sandboxId: id, verbose: true }, call);
    return { ...info, shimState: state };
  } catch (error) {
    signal.throwIfAborted();
    return { shimError: (error as Error).message };
  }
}
