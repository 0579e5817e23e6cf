import type { RuntimeHandler } from "../types.ts";

/** A runtime handler as the default configuration has it, named `runc`. */
export function testHandler(change: Partial<RuntimeHandler> = {}): RuntimeHandler {
  return {
    name: "runc",
    controller: "podsandbox",
    runtimeType: "io.containerd.runc.v2",
    runtimePath: "",
    options: {},
    pause: "auto",
    cniConfDir: "",
    cniMaxConfNum: 1,
    podAnnotations: [],
    ...change,
  };
}
