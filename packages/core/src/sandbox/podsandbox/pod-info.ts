import type { Shims } from "../../tasks/index.ts";
import type { Pod } from "./pod.ts";

/** What `crictl inspectp` shows of a boundary. Reads what is known; asks no shim. */
export async function podInfo(shims: Shims, pod: Pod): Promise<Readonly<Record<string, string>>> {
  const { id, namespaces } = pod.sandbox;
  const { process } = pod;
  const shim = await shims.describe(id);
  const spec = await shims.spec(id);
  return {
    pause: String(pod.hasPause),
    ...(process === undefined ? {} : { pid: String(process.pid) }),
    ...(shim?.process === undefined ? {} : { shimPid: String(shim.process.pid) }),
    ...(shim?.endpoint === undefined
      ? {}
      : { shimAddress: shim.endpoint.address, shimVersion: String(shim.endpoint.version) }),
    ...(shim === undefined ? {} : { runtimeType: shim.runtimeType, shimBinary: shim.binary }),
    namespaces: JSON.stringify(namespaces),
    ...(spec === undefined ? {} : { runtimeSpec: spec }),
  };
}
