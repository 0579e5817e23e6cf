import { deepEqual } from "node:assert/strict";
import { test } from "node:test";

import { containerId, sandboxId, specInput } from "../testing/spec-input.ts";
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
const runtimeLooking: readonly string[] = [
  ...[
    "MemoryMax",
    "CPUQuotaPerSecUSec",
    "TasksMax",
    "Slice",
    "DevicePolicy",
    "DefaultDependencies",
    "User",
    "BPFProgram",
  ].map((name) => `org.systemd.property.${name}`),
  ...[
    "handler",
    "systemd.subgroup",
    "delegate-cgroup",
    "keep_original_groups",
    "seccomp.notify",
    "mount_context_type",
  ].map((name) => `run.oci.${name}`),
  ...[
    "cpu-quota.crio.io",
    "cpu-shares.crio.io",
    "cpu-c-states.crio.io",
    "irq-load-balancing.crio.io",
    "io.kubernetes.cri-o.Devices",
  ],
  ...[
    "io.kubernetes.cri-o.userns-mode",
    "io.kubernetes.cri-o.cgroup2-mount-hierarchy-rw",
    "io.kubernetes.cri-o.UnifiedCgroup.web",
  ],
  ...[
    "io.kubernetes.cri-o.ShmSize",
    "io.kubernetes.cri-o.TrySkipVolumeSELinuxLabel",
    "seccomp-profile.kubernetes.cri-o.io",
  ],
  ...[
    "hypervisor.path",
    "hypervisor.kernel_params",
    "runtime.sandbox_cgroup_only",
    "agent.kernel_modules",
    "hypervisor.jailer_path",
  ].map((name) => `io.katacontainers.config.${name}`),
  ...[
    "io.containerd.image.name",
    "io.kubernetes.cri.container-type",
    "io.kubernetes.cri.sandbox-cpu-quota",
    "io.container.manager",
  ],
  ...[
    "dev.gvisor.spec.mount.x.source",
    "dev.gvisor.flag.debug",
    "com.github.containers.virtcontainers.pkg.oci.bundle_path",
  ],
  ...[
    "nvidia.com/visible-devices",
    "module.wasm.image/variant",
    "oci.crun.config",
    "bundle",
    "config",
    "linux.resources.cpu",
  ],
];

test("40 annotations that look like settings do nothing unless listed", () => {
  const annotations = Object.fromEntries(runtimeLooking.map((key) => [key, "1"]));
  deepEqual(runtimeLooking.length >= 40, true);
  deepEqual(containerAnnotations(specInput({ plan: { annotations }, sandbox: { annotations } })), own);
  const one = specInput({
    plan: { annotations },
    handler: { containerAnnotations: ["org.systemd.property.Tasks???"] },
  });
  deepEqual(containerAnnotations(one), { ...own, "org.systemd.property.TasksMax": "1" });
  deepEqual(one.id, containerId);
});
