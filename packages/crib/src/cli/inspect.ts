import { toJson } from "@bufbuild/protobuf";
import { PodSandboxStatusSchema } from "@crib/wire/cri";

import { type EndpointOptions, withClient } from "./endpoint.ts";
import { findPod, type PodStatus } from "./find-pod.ts";
import { parseInfo } from "./parse-info.ts";
import { printJson } from "./print-json.ts";

/** Prints the status of a pod and everything that crib tells of it, as one JSON object. */
export async function inspectCommand(pod: string, options: EndpointOptions): Promise<void> {
  const found = await withClient(options, (client) => findPod(client, pod));
  printJson(describePod(found));
}

/** The status as JSON with the names that the CRI gives them, and the texts of `info` parsed where they are JSON. */
export function describePod({ status, info }: PodStatus): unknown {
  return {
    ...(status && { status: toJson(PodSandboxStatusSchema, status, { alwaysEmitImplicit: true }) }),
    ...parseInfo(info),
  };
}
