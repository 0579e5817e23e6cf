import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";

import { sandboxId, specInput } from "../testing/spec-input.ts";
import { containerAnnotations } from "./container-annotations.ts";

const own = {
  "io.kubernetes.cri.container-type": "container",
  "io.kubernetes.cri.sandbox-id": sandboxId,
  "io.kubernetes.cri.sandbox-namespace": "default",
  "io.kubernetes.cri.sandbox-uid": "uid",
  "io.kubernetes.cri.sandbox-name": "pod",
  "io.kubernetes.cri.container-name": "web",
  "io.kubernetes.cri.image-name": "example.org/web:1",
};

test("a container says whose it is", () => {
  deepEqual(containerAnnotations(specInput()), own);
  deepEqual(containerAnnotations(specInput({ plan: { userSpecifiedImage: "web" } })), {
    ...own,
    "io.kubernetes.cri.image-name": "web",
  });
});

test("annotations pass where the handler lists them, and never over crib's own", () => {
  const asked = {
    "org.example.a": "container",
    "org.example.b": "b",
    "other.example": "x",
    "io.kubernetes.cri.sandbox-id": "forged",
    "io.containerd.runtime": "forged",
  };
  const input = specInput({
    plan: { annotations: asked },
    sandbox: {
      passedAnnotations: { "org.example.a": "pod", "org.pod": "y", "io.kubernetes.cri.container-type": "sandbox" },
    },
    handler: { containerAnnotations: ["org.example.*", "io.*"] },
  });
  deepEqual(containerAnnotations(input), {
    ...own,
    "org.example.a": "container",
    "org.example.b": "b",
    "org.pod": "y",
  });
});

/** Annotations that runtimes, hooks and plugins read as settings. */
const runtimeLooking = `
  org.systemd.property.MemoryMax org.systemd.property.CPUQuotaPerSecUSec org.systemd.property.TasksMax
  org.systemd.property.Slice org.systemd.property.DevicePolicy org.systemd.property.User org.systemd.property.BPFProgram
  org.systemd.property.DefaultDependencies run.oci.handler run.oci.systemd.subgroup run.oci.delegate-cgroup
  run.oci.keep_original_groups run.oci.seccomp.receiver run.oci.mount_context_type run.oci.hooks.stdout
  cpu-quota.crio.io cpu-shares.crio.io cpu-c-states.crio.io irq-load-balancing.crio.io io.kubernetes.cri-o.Devices
  io.kubernetes.cri-o.userns-mode io.kubernetes.cri-o.cgroup2-mount-hierarchy-rw io.kubernetes.cri-o.UnifiedCgroup.web
  io.kubernetes.cri-o.ShmSize io.kubernetes.cri-o.TrySkipVolumeSELinuxLabel seccomp-profile.kubernetes.cri-o.io
  io.katacontainers.config.hypervisor.path io.katacontainers.config.hypervisor.kernel_params
  io.katacontainers.config.runtime.sandbox_cgroup_only io.katacontainers.config.agent.kernel_modules
  io.katacontainers.config.hypervisor.jailer_path io.containerd.image.name io.kubernetes.cri.container-type
  io.kubernetes.cri.sandbox-cpu-quota io.container.manager dev.gvisor.spec.mount.x.source dev.gvisor.flag.debug
  com.github.containers.virtcontainers.pkg.oci.bundle_path nvidia.com/visible-devices module.wasm.image/variant
  oci.crun.config linux.resources.cpu`
  .trim()
  .split(/\s+/);

test("40 annotations that look like settings do nothing unless listed", () => {
  const annotations = Object.fromEntries(runtimeLooking.map((key) => [key, "1"]));
  ok(runtimeLooking.length >= 40);
  deepEqual(containerAnnotations(specInput({ plan: { annotations }, sandbox: { annotations } })), own);
  const one = specInput({
    plan: { annotations },
    handler: { containerAnnotations: ["org.systemd.property.Tasks???"] },
  });
  deepEqual(containerAnnotations(one), { ...own, "org.systemd.property.TasksMax": "1" });
});
