import { CgroupDriver } from "@crib/wire/cri";

import type { RuntimeRpc } from "./rpc.ts";

/** Tells the kubelet which cgroup driver to use. */
export const runtimeConfig: RuntimeRpc<"runtimeConfig"> = ({ cgroupDriver }) => ({
  linux: { cgroupDriver: cgroupDriver === "systemd" ? CgroupDriver.SYSTEMD : CgroupDriver.CGROUPFS },
});
