import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createCriServer, type CriServerOptions } from "../server.ts";
import type { CriDeps } from "../types.ts";
import { MemoryContainers } from "./memory-containers.ts";
import { MemoryExecs, MemoryStreaming } from "./memory-execs.ts";
import { MemoryImages } from "./memory-images.ts";
import { MemoryPodSandboxes } from "./memory-pod-sandboxes.ts";
import { runcHandler } from "./runc-handler.ts";
import { TestClient } from "./test-client.ts";

/** One line of the log. */
export interface Logged {
  readonly level: "debug" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A CRI server on a socket of its own, over sandboxes, containers and images in memory. */
export interface TestServer extends AsyncDisposable {
  readonly socketPath: string;
  readonly sandboxes: MemoryPodSandboxes;
  readonly containers: MemoryContainers;
  readonly execs: MemoryExecs;
  readonly streaming: MemoryStreaming;
  readonly images: MemoryImages;
  readonly client: TestClient;
  readonly logged: readonly Logged[];
  readonly gate: { isOpen: boolean };
  readonly podCidrs: string[][];
  /** How many clients watch events. */
  eventReaders(): number;
  close(): Promise<void>;
}

/** Starts one; `more` replaces collaborators. */
export async function startTestServer(
  more: Partial<CriDeps> = {},
  options: CriServerOptions = {},
): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), "crib-cri-"));
  const socketPath = join(directory, "crib.sock");
  const sandboxes = new MemoryPodSandboxes();
  const containers = new MemoryContainers();
  const execs = new MemoryExecs();
  const streaming = new MemoryStreaming();
  const images = new MemoryImages();
  const logged: Logged[] = [];
  const podCidrs: string[][] = [];
  const gate = { isOpen: true };
  const measuredAt = new Date(1_700_000_000_000);
  const imageFs = { measuredAt, mountpoint: "/var/lib/crib", usedBytes: 4096n, inodesUsed: 3n };
  const log =
    (level: Logged["level"]) =>
    (fields: Logged["fields"], message: string): void =>
      void logged.push({ level, message, fields });
  const deps: CriDeps = {
    sandboxes,
    containers,
    execs,
    streaming,
    images,
    version: { runtimeName: "crib", runtimeVersion: "0.1.0-test" },
    handlers: {
      defaultName: "runc",
      all: [
        { handler: runcHandler, recursiveReadOnlyMounts: true, userNamespaces: true },
        { handler: { ...runcHandler, name: "kata" }, recursiveReadOnlyMounts: false, userNamespaces: false },
      ],
    },
    features: { supplementalGroupsPolicy: true, userNamespacesHostNetwork: false },
    networks: {
      status: async () => ({ ready: true, reason: "", message: "" }),
      describe: () => [{ name: "net" }],
      updatePodCidrs: async (cidrs) => void podCidrs.push([...cidrs]),
    },
    cgroupDriver: "cgroupfs",
    imageFs: async () => ({ images: imageFs, containers: { ...imageFs, usedBytes: 0n, inodesUsed: 0n } }),
    stats: {
      pod: async () => ({ timestamp: measuredAt }),
      container: async () => ({ timestamp: measuredAt }),
    },
    config: () => ({ root: "/var/lib/crib" }),
    gate,
    log: { debug: log("debug"), warn: log("warn"), error: log("error") },
    ...more,
  };
  const server = createCriServer(deps, { drainMs: 200, ...options });
  await server.listen(socketPath);
  const client = new TestClient(socketPath);
  const close = async (): Promise<void> => {
    client.close();
    await server.close();
    await rm(directory, { recursive: true, force: true });
  };
  return {
    socketPath,
    sandboxes,
    containers,
    execs,
    streaming,
    images,
    client,
    logged,
    gate,
    podCidrs,
    eventReaders: () => server.eventReaders,
    close: () => server.close(),
    [Symbol.asyncDispose]: close,
  };
}
