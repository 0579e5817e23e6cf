import { toJson } from "@bufbuild/protobuf";
import { PodSandboxStatusSchema } from "@crib/wire/cri";

import { type EndpointOptions, withClient } from "./endpoint.ts";
import { findPod, type PodStatus } from "./find-pod.ts";

/** Prints the status of a pod and everything that crib tells of it, as one JSON object. */
export async function inspectCommand(pod: string, options: EndpointOptions): Promise<void> {
  const found = await withClient(options, (client) => findPod(client, pod));
  console.log(JSON.stringify(describePod(found), null, 2));
}

/** The status as JSON with the names that the CRI gives them, and the texts of `info` parsed where they are JSON. */
export function describePod({ status, info }: PodStatus): unknown {
  const details = Object.fromEntries(Object.entries(info).map(([key, text]) => [key, parsed(text)]));
  return {
    ...(status && { status: toJson(PodSandboxStatusSchema, status, { alwaysEmitImplicit: true }) }),
    ...details,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // runtimes may say anything there
  }
}
