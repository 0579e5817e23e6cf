import type { SandboxMethod } from "../client/sandbox-client.ts";

/** How a test shim behaves other than it should. All default to good behaviour. */
export interface ShimFaults {
  /** Methods that never answer. */
  readonly hang?: readonly SandboxMethod[];
  /** Methods in which the shim dies. */
  readonly die?: readonly SandboxMethod[];
  /** Methods that fail, with a code of gRPC. */
  readonly fail?: Partial<Readonly<Record<SandboxMethod, number>>>;
  /** WaitSandbox answers at once, or never. */
  readonly wait?: "at-once" | "never";
  /** What the status says of a sandbox that runs, and of one that does not. Default SANDBOX_READY and SANDBOX_NOTREADY. */
  readonly states?: readonly [running: string, ended: string];
  /** StopSandbox answers and ends nothing. */
  readonly stopLies?: boolean;
  /** ShutdownSandbox frees the sandbox, and the process stays. */
  readonly staysAfterShutdown?: boolean;
  /** The pid that StartSandbox and SandboxStatus answer. Default: that of the boundary. */
  readonly pid?: number;
  /** StartSandbox answers a specification with the boundary's namespaces. */
  readonly spec?: boolean;
  /** StartSandbox starts a process besides, that outlives the shim. */
  readonly leaves?: boolean;
  /** The boundary stays in the host's ipc and uts namespaces. */
  readonly bare?: boolean;
  /** The Sandbox service is not served at all. */
  readonly noSandboxApi?: boolean;
  readonly protocol?: "ttrpc" | "grpc";
  readonly version?: 2 | 3;
  /** How `start` tells the address. Default `json`. */
  readonly answer?: "json" | "address" | "path";
}

/** The annotation that tells a test shim its faults, as JSON. */
export const faultsAnnotation = "dev.crib.test/faults";
