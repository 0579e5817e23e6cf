import type { Flow, Step } from "./types.ts";

/** A step with what it waits for, resolved for one plan. */
export interface Node<Deps, Plan, Facts> {
  readonly step: Step<Deps, Plan, Facts>;
  readonly after: readonly string[];
}

/**
 * The steps of a flow that apply to a plan. What waits for a step that does not apply waits for what that step would
 * have waited for, so that the order of the others holds.
 */
export function resolveGraph<Deps, Plan, Facts>(
  flow: Flow<Deps, Plan, Facts>,
  plan: Plan,
): readonly Node<Deps, Plan, Facts>[] {
  const waitsFor = new Map(
    flow.steps.map((step) => [step.name, typeof step.after === "function" ? step.after(plan) : (step.after ?? [])]),
  );
  const applies = new Set(flow.steps.filter((step) => step.when?.(plan) ?? true).map((step) => step.name));
  const reach = (name: string, seen: ReadonlySet<string>): readonly string[] => {
    if (seen.has(name)) throw new TypeError(`flow ${flow.name}: "${name}" waits for itself`);
    const trail = new Set(seen).add(name);
    return (waitsFor.get(name) ?? []).flatMap((other) => (applies.has(other) ? [other] : reach(other, trail)));
  };
  const nodes = flow.steps
    .filter((step) => applies.has(step.name))
    .map((step) => ({ step, after: [...new Set(reach(step.name, new Set()))] }));
  refuseCircles(flow.name, nodes);
  return nodes;
}

function refuseCircles<Deps, Plan, Facts>(flowName: string, nodes: readonly Node<Deps, Plan, Facts>[]): void {
  const done = new Set<string>();
  let left = [...nodes];
  while (left.length > 0) {
    const ready = left.filter((node) => node.after.every((name) => done.has(name)));
    if (ready.length === 0) {
      throw new TypeError(
        `flow ${flowName}: ${left.map((node) => `"${node.step.name}"`).join(", ")} wait for each other`,
      );
    }
    for (const node of ready) done.add(node.step.name);
    left = left.filter((node) => !done.has(node.step.name));
  }
}
