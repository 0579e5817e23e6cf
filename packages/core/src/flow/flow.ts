import type { Flow, Recover, Step } from "./types.ts";

/**
 * Declares a life-cycle. Throws a TypeError at load when two steps share a name, a step waits for one that does not
 * exist, or the steps wait for each other in a circle.
 */
export function flow<Deps, Plan, Facts>(
  name: string,
  options: { readonly recover: Recover },
  steps: readonly Step<Deps, Plan, Facts>[],
): Flow<Deps, Plan, Facts> {
  const names = new Set<string>();
  for (const { name: stepName, after } of steps) {
    if (names.has(stepName)) throw new TypeError(`flow ${name}: two steps are named "${stepName}"`);
    names.add(stepName);
    // Steps stand in an order in which they could run one by one, which rules out circles.
    if (Array.isArray(after)) {
      for (const other of after as readonly string[]) {
        if (!names.has(other))
          throw new TypeError(`flow ${name}: "${stepName}" waits for "${other}", which does not stand before it`);
      }
    }
  }
  return { name, recover: options.recover, steps };
}
