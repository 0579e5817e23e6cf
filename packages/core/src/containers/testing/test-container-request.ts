import type { ContainerRequest, ContainerSecurity } from "../types.ts";

/** What a test wants to be different from a container that asks for nothing. */
export interface ContainerRequestChange extends Partial<Omit<ContainerRequest, "config" | "security">> {
  readonly security?: Partial<ContainerSecurity>;
}

/** What a container named `app` asks for that asks for nothing, but its configuration. */
export function testContainerRequest(change: ContainerRequestChange = {}): Omit<ContainerRequest, "config"> {
  const { security, ...others } = change;
  return {
    sandboxId: "a".repeat(64),
    name: "app",
    attempt: 0,
    image: `sha256:${"a".repeat(64)}`,
    userSpecifiedImage: "",
    command: [],
    args: [],
    workingDir: "",
    envs: [],
    mounts: [],
    devices: [],
    cdiDevices: [],
    labels: {},
    annotations: {},
    logPath: "",
    stdin: false,
    stdinOnce: false,
    tty: false,
    stopSignal: "",
    resources: { hugepageLimits: [], unified: {} },
    ...others,
    security: {
      privileged: false,
      pid: "container",
      capabilities: { add: [], drop: [], addAmbient: [] },
      supplementalGroups: [],
      supplementalGroupsPolicy: "merge",
      readonlyRootfs: false,
      noNewPrivileges: false,
      maskedPaths: [],
      readonlyPaths: [],
      ...security,
    },
  };
}
