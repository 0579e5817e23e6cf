import type { RuntimeHandler } from "@crib/core/sandbox";

/** A runtime handler as the default configuration has it. */
export const runcHandler: RuntimeHandler = {
  name: "runc",
  controller: "podsandbox",
  runtimeType: "io.containerd.runc.v2",
  runtimePath: "",
  options: { BinaryName: "/usr/sbin/runc" },
  pause: "auto",
  cniConfDir: "",
  cniMaxConfNum: 1,
  podAnnotations: [],
};
