export { createPodsandboxController } from "./controller.ts";
export { sandboxIdAnnotation } from "./spec-annotations.ts";
export type { PodsandboxHandler, PodsandboxOptions } from "./types.ts";
