import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { grpcServiceClient, type ServiceClient } from "@crib/grpc";
import { Controller } from "@crib/wire/sandbox";
import { Client, credentials } from "@grpc/grpc-js";

import { type SandboxerOptions, serveSandboxer, type ServedSandboxer } from "../controller-service/serve-sandboxer.ts";
import { FakeController } from "./fake-controller.ts";

/** A sandboxer of a fake controller over a directory of its own, and a client of it. */
export interface SandboxerFixture {
  readonly stateDir: string;
  readonly fake: FakeController;
  readonly client: ServiceClient<typeof Controller>;
  readonly served: ServedSandboxer;
  /** Lines of the log: level and message. */
  readonly log: readonly string[];
  /** Ends this one and serves a new controller over the same directory. */
  restart(change?: (fake: FakeController) => void): Promise<SandboxerFixture>;
}

/** Serves until the test ends. */
export async function serveFake(
  t: TestContext,
  options: Partial<SandboxerOptions> & { readonly prepare?: (fake: FakeController) => void } = {},
): Promise<SandboxerFixture> {
  const { prepare, ...others } = options;
  const stateDir = options.stateDir ?? (await mkdtemp(join(tmpdir(), "crib-sdk-")));
  if (options.stateDir === undefined) t.after(() => rm(stateDir, { recursive: true, force: true }));
  const fake = new FakeController();
  prepare?.(fake);
  const log: string[] = [];
  const served = await serveSandboxer({
    name: "fake",
    address: join(stateDir, "s.sock"),
    stateDir,
    controller: fake,
    log: (level, message) => log.push(`${level}: ${message}`),
    ...others,
  });
  const channel = new Client(served.address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  const end = async (): Promise<void> => {
    channel.close();
    await served[Symbol.asyncDispose]();
  };
  t.after(end);
  const client = grpcServiceClient(Controller, channel, { timeoutMs: 60_000 });
  return {
    stateDir,
    fake,
    client,
    served,
    log,
    async restart(change): Promise<SandboxerFixture> {
      await end();
      return await serveFake(t, { ...others, stateDir, ...(change === undefined ? {} : { prepare: change }) });
    },
  };
}
