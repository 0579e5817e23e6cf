import { containerFlows } from "@crib/core/containers";
import { pullImage, removeImage } from "@crib/core/images";
import { sandboxFlows } from "@crib/core/sandbox";
import { Code, StatusError } from "@crib/errdefs";

import { nearestKey } from "./nearest-key.ts";
import type { DaemonConfig } from "./types.ts";

/** One sentence for each budget of a step that no flow has: a mistyped name would otherwise change nothing, unnoticed. */
export function unknownSteps({ flow }: DaemonConfig): readonly string[] {
  const flows: readonly { readonly steps: readonly { readonly name: string }[] }[] = [
    ...sandboxFlows,
    ...containerFlows,
    pullImage,
    removeImage,
  ];
  const known = [...new Set(flows.flatMap(({ steps }) => steps.map(({ name }) => name)))];
  return (["budgets", "undo_budgets"] as const).flatMap((table) =>
    Object.keys(table === "budgets" ? flow.budgetsMs : flow.undoBudgetsMs)
      .filter((step) => !known.includes(step))
      .map((step) => {
        const nearest = nearestKey(step, known);
        const hint = nearest === undefined ? `steps are ${known.join(", ")}` : `did you mean "${nearest}"?`;
        return `unknown step "${step}" in [flow.${table}]; ${hint}`;
      }),
  );
}

/** Throws InvalidArgument with every unknown step. */
export function refuseUnknownSteps(config: DaemonConfig): void {
  const problems = unknownSteps(config);
  if (problems.length > 0) {
    throw new StatusError(Code.InvalidArgument, `reading the configuration: ${problems.join("; ")}`);
  }
}
