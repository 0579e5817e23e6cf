import { Code, StatusError } from "@crib/errdefs";
import type { ContainerAdjustment, ContainerUpdate } from "@crib/wire/nri";

import { checkAdjustment } from "./check-adjustment.ts";
import { checkResources } from "./check-resources.ts";
import { quote } from "./check-values.ts";

/** Throws FailedPrecondition, naming the plugin, unless all that it asks for is well-formed. */
export function checkReply(
  plugin: string,
  reply: { readonly adjust?: ContainerAdjustment | undefined; readonly update: readonly ContainerUpdate[] },
): void {
  try {
    if (reply.adjust) checkAdjustment(reply.adjust);
    for (const { containerId, linux } of reply.update) {
      if (!isId(containerId)) throw new Error(`container id ${quote(containerId)} is not one`);
      if (linux?.resources) checkResources(linux.resources);
    }
  } catch (error) {
    throw new StatusError(Code.FailedPrecondition, `reply of plugin "${plugin}": ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Whether text could be an id of a container: only such are looked up and logged. */
export function isId(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(text);
}
