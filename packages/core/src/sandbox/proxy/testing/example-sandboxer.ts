import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { StatusError, Code } from "@crib/errdefs";
import { grpcServiceClient, type ServiceClient } from "@crib/grpc";
import { Controller } from "@crib/wire/sandbox";

import { processesNaming } from "../../testing/processes-naming.ts";
import { openChannel } from "../open-channel.ts";

const program = join(import.meta.dirname, "../../../../../../examples/namespace-sandboxer/main.ts");

/** Why the example cannot be run here; empty when it can. */
export const needsExample =
  process.getuid?.() !== 0
    ? { skip: "only root makes namespaces" }
    : existsSync(program)
      ? {}
      : { skip: "the example is not part of this package" };

/** The example sandboxer as a process of its own. */
export class ExampleSandboxer implements AsyncDisposable {
  readonly dir: string;
  readonly address: string;
  readonly #channel: ReturnType<typeof openChannel>;
  /** Speaks to it past crib. */
  readonly client: ServiceClient<typeof Controller>;
  #process: ChildProcess | undefined;

  /** `dir` is its own. */
  constructor(dir: string) {
    this.dir = dir;
    this.address = join(dir, "sandboxer.sock");
    this.#channel = openChannel(this.address, 20);
    this.client = grpcServiceClient(Controller, this.#channel, { timeoutMs: 60_000 });
  }

  /** Starts it, and waits until it answers. */
  async up(): Promise<void> {
    const args = [program, "--address", `unix://${this.address}`, "--state-dir", this.dir];
    this.#process = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    this.#process.stderr?.on("data", (chunk) => (said += String(chunk)));
    const end = performance.now() + 60_000;
    while (!(await this.#answers())) {
      if (performance.now() > end || this.#process.exitCode !== null) {
        throw new StatusError(Code.Unavailable, `the example does not serve: ${said}`);
      }
      await delay(20);
    }
  }

  /** Sends a signal to the sandboxer itself. */
  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.#process?.kill(name);
  }

  /** Kills it; its pods run on. */
  async down(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#channel.close();
    await this.down();
    // Its task server is a process of its own, for as long as a minute; the directory in its arguments is this one's alone.
    for (const { pid } of await processesNaming(this.dir)) process.kill(pid, "SIGKILL");
  }

  async #answers(): Promise<boolean> {
    try {
      await this.client.status({ sandboxId: "0".repeat(64) }, { timeoutMs: 5_000 });
      return true;
    } catch (reason) {
      return (reason as StatusError).code === Code.NotFound;
    }
  }
}
