import type { RuntimeHandlers } from "../types.ts";

/** Whether images are there for the handler of that name; none or the empty one is the default. All handlers share the images. */
export function offersHandler({ all, broken = [] }: RuntimeHandlers, name = ""): boolean {
  return name === "" || [...all, ...broken].some(({ handler }) => handler.name === name);
}
