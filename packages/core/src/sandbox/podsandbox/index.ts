export { createPodsandboxController } from "./controller.ts";
export { type ImagePauseOptions, imagePauseRoots } from "./image-pause-roots.ts";
export { sandboxIdAnnotation } from "./spec-annotations.ts";
export type { PauseRoot, PauseRoots, PodsandboxHandler, PodsandboxOptions, RootfsMount } from "./types.ts";
