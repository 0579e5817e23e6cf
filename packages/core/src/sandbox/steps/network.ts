import { Code, hasCode } from "@crib/errdefs";
import {
  type AttachedResult,
  type Attachment,
  type Cni,
  mergeResults,
  parseNetworkList,
  podAddresses,
} from "@crib/libcni";
import { namespaceState } from "@crib/linux";

import { ownerOf } from "../sandbox-id.ts";
import { markerEnv } from "../strays.ts";
import type { PlannedNetwork, SandboxFacts, SandboxPlan } from "../types.ts";
import { removeDeadBridges } from "./dead-bridge.ts";
import type { SandboxStepContext } from "./types.ts";

/** The CNI configuration of the loopback plugin, where that is wanted instead of the native way. */
const loopback: PlannedNetwork = {
  name: "cni-loopback",
  ifName: "lo",
  config: JSON.stringify({ cniVersion: "0.3.1", name: "cni-loopback", plugins: [{ type: "loopback" }] }),
};

/** Attaches the pod to all its networks, at the same time, and learns its addresses. */
export async function attach(context: SandboxStepContext): Promise<Partial<SandboxFacts>> {
  const { plan, deps, id, signal, midpoint } = context;
  const { cni } = deps;
  const networks = deps.loopbackPlugin ? [loopback, ...plan.networks] : plan.networks;
  for (const network of networks) removeDeadBridges(network.config);
  const attempts = networks.map((network) =>
    cni.add(parseNetworkList(network.config, network.name), attachment(plan, id, network.ifName), signal),
  );
  // Every plugin must have ended before anything may be undone, so a failure waits for the others.
  const settled = await Promise.allSettled(attempts);
  await midpoint();
  const attached: AttachedResult[] = [];
  for (const [index, attempt] of settled.entries()) {
    if (attempt.status === "rejected") throw attempt.reason;
    const network = networks[index];
    if (network && network !== loopback) attached.push({ ifName: network.ifName, result: attempt.value });
  }
  const { ip, additionalIps } = podAddresses(mergeResults(attached), deps.ipPreference, attached[0]?.ifName);
  return { network: { addresses: [ip, ...additionalIps], results: attached.map(({ result }) => result) } };
}

/**
 * Detaches the pod from all its networks, from the stored configuration, also when file, cache or netns are gone. All
 * networks are tried; fails when one failed.
 */
export async function detach({ plan, deps, id, signal, midpoint }: SandboxStepContext): Promise<void> {
  const { cni } = deps;
  const pinned = plan.namespaces.net !== undefined && namespaceState(plan.namespaces.net) === "namespace";
  // With the loopback plugin there is nothing on the host to give back, but the specification wants each ADD to have its DEL.
  const networks = deps.loopbackPlugin && pinned ? [loopback, ...plan.networks] : plan.networks;
  const attempts = networks.map(async (network) => {
    const target = attachment(plan, id, network.ifName);
    try {
      await cni.del(parseNetworkList(network.config, network.name), pinned ? target : { ...target, netns: "" }, signal);
    } catch (reason) {
      if (!hasCode(reason, Code.FailedPrecondition) || (await wasBegun(cni, network, target))) throw reason;
    }
  });
  const settled = await Promise.allSettled(attempts);
  await midpoint();
  const failed = settled.filter((attempt) => attempt.status === "rejected");
  const [first, ...others] = failed.map((attempt) => attempt.reason as Error);
  if (others.length > 0)
    throw new AggregateError([first, ...others], `${failed.length} networks: ${first?.message ?? ""}`);
  if (first) throw first;
}

/**
 * Whether ADD was ever begun: the attachment is in the cache before the first plugin starts. If not, a plugin that is
 * missing has nothing to give back, and a pod of a misspelt configuration can go.
 */
async function wasBegun(cni: Cni, { name }: PlannedNetwork, { containerId, ifName }: Attachment): Promise<boolean> {
  const [cached, unreadable] = await Promise.all([cni.cached(), cni.cacheProblems()]);
  return (
    unreadable.some(({ file }) => file.includes(containerId)) ||
    cached.some((one) => one.networkName === name && one.containerId === containerId && one.ifName === ifName)
  );
}

function attachment(plan: SandboxPlan, id: string, ifName: string): Attachment {
  return {
    containerId: id,
    netns: plan.namespaces.net ?? "",
    ifName,
    args: plan.cniArgs,
    capabilityArgs: plan.capabilityArgs,
    // Marks the plugins and what they start, so that a later daemon finds them when this one dies meanwhile.
    env: markerEnv(ownerOf(id) ?? "", id),
  };
}
