import { Code, hasCode, StatusError } from "@crib/errdefs";
import type { SandboxInstance } from "@crib/sandboxer";
import type { StartSandboxResponse } from "@crib/wire/sandbox";

import { dateOf, specOf } from "../../proxy/answers.ts";
import { instanceNamespaces } from "../../proxy/instance-namespaces.ts";
import type { SandboxClient } from "../client/sandbox-client.ts";
import type { ShimPod } from "../shim-pod.ts";
import type { ShimControllerBudgets, ShimControllerOptions } from "../types.ts";
import { sandboxProcess } from "./sandbox-process.ts";

/**
 * Has the shim start a sandbox, and gives what containers have to know of it. Fails with the shim's code; with FailedPrecondition when a
 * namespace that containers join is named by nobody.
 */
export async function startSandbox(
  { shims, handlerOf }: ShimControllerOptions,
  budgets: ShimControllerBudgets,
  pod: ShimPod,
  signal: AbortSignal,
): Promise<SandboxInstance> {
  const { id, link, sandbox } = pod;
  const doing = `starting sandbox "${id}"`;
  if (link === undefined) throw new StatusError(Code.FailedPrecondition, `${doing}: its shim does not serve`);
  const client = await link.open(signal);
  const answer = await startOnce(client, id, { signal, timeoutMs: budgets.start });
  const pid = answer.pid > 0 ? answer.pid : await pidOf(client, id, { signal, timeoutMs: budgets.other });
  const process = await sandboxProcess(shims, sandbox, pid);
  const { name, namespacePaths = "explicit" } = handlerOf(sandbox.runtimeHandler);
  try {
    const { spec } = specOf(answer.spec);
    const namespaces = instanceNamespaces(sandbox, { pid, process, spec }, namespacePaths);
    return {
      createdAt: dateOf(answer.createdAt) ?? new Date(),
      labels: {},
      namespaces,
      ...(process === undefined ? {} : { process }),
      ...(spec === undefined ? {} : { spec }),
    };
  } catch (error) {
    throw StatusError.from(error, `${doing} with the shim of handler "${name}"`);
  }
}

type Call = { readonly signal: AbortSignal; readonly timeoutMs: number };

async function startOnce(
  client: SandboxClient,
  id: string,
  call: Call,
): Promise<Pick<StartSandboxResponse, "pid" | "createdAt" | "spec">> {
  try {
    return await client.call("startSandbox", { sandboxId: id }, call);
  } catch (error) {
    // The answer to an earlier try was lost; the status has what it said.
    if (hasCode(error, Code.AlreadyExists)) return { pid: 0 };
    throw error;
  }
}

/** What the status says where the start said nothing; 0 where there is no pid, or no status. */
async function pidOf(client: SandboxClient, id: string, call: Call): Promise<number> {
  try {
    return (await client.call("sandboxStatus", { sandboxId: id }, call)).pid;
  } catch (error) {
    if (hasCode(error, Code.Unavailable)) throw error;
    return 0;
  }
}
