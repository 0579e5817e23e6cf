import type { Duplex } from "node:stream";

import type { ExecRequest, ExecResult, Execs, ExecStreams } from "@crib/core/exec";
import { Code, StatusError } from "@crib/errdefs";
import type { PortForward, Session, StreamingServer } from "@crib/streaming";

/** Commands that end at once, for tests of what stands above them. */
export class MemoryExecs implements Execs {
  readonly calls: unknown[][] = [];
  /** Ids of containers that do not run. */
  readonly stopped = new Set<string>();

  async execSync(id: string, request: ExecRequest & { readonly timeoutMs: number }): Promise<ExecResult> {
    this.checkRunning(id);
    this.calls.push(["execSync", id, request]);
    return { stdout: Buffer.from("out"), stderr: Buffer.from("err"), exitCode: 3 };
  }

  async exec(id: string, request: ExecRequest, streams: ExecStreams): Promise<number> {
    this.calls.push(["exec", id, request, Object.keys(streams)]);
    return 7;
  }

  async attach(id: string, streams: ExecStreams): Promise<void> {
    this.calls.push(["attach", id, Object.keys(streams)]);
  }

  async portForward(sandboxId: string, port: number, stream: Duplex): Promise<void> {
    this.calls.push(["portForward", sandboxId, port]);
    stream.destroy();
  }

  checkJoinable(id: string): void {
    this.checkRunning(id);
  }

  checkRunning(id: string): void {
    if (this.stopped.has(id)) throw new StatusError(Code.FailedPrecondition, `container "${id}": not running`);
  }
}

/** A streaming server without a socket: it keeps what it is given. */
export class MemoryStreaming implements Pick<StreamingServer, "exec" | "attach" | "portForward"> {
  readonly sessions: Session[] = [];
  readonly forwards: PortForward[] = [];

  exec(session: Session): string {
    return `http://127.0.0.1:1/exec/${this.sessions.push(session)}`;
  }

  attach(session: Session): string {
    return `http://127.0.0.1:1/attach/${this.sessions.push(session)}`;
  }

  portForward(forward: PortForward): string {
    return `http://127.0.0.1:1/portforward/${this.forwards.push(forward)}`;
  }
}
