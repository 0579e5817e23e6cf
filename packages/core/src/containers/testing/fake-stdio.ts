import { Code, StatusError } from "@crib/errdefs";

import type { ContainerStdio, Stdio, StdioRequest } from "../../io/types.ts";

/** Streams that are only counted. */
export class FakeStdio implements Pick<Stdio, "open" | "adopt" | "find"> {
  readonly streams: Map<string, ContainerStdio> = new Map();
  /** Whether somebody outside of the container keeps the output open. */
  isHeld = false;

  async open(request: StdioRequest): Promise<ContainerStdio> {
    if (this.streams.has(request.id)) throw new StatusError(Code.AlreadyExists, `streams of "${request.id}": open`);
    const { id, dir } = request;
    const opened: ContainerStdio = {
      paths: { stdin: "", stdout: `${dir}/stdout`, stderr: `${dir}/stderr` },
      reopenLog: async () => {},
      attach: async () => {},
      heeded: async () => {},
      drained: async () => !this.isHeld,
      close: async () => void this.streams.delete(id),
    };
    this.streams.set(id, opened);
    return opened;
  }

  async adopt(request: StdioRequest): Promise<ContainerStdio> {
    return this.streams.get(request.id) ?? (await this.open(request));
  }

  find(id: string): ContainerStdio | undefined {
    return this.streams.get(id);
  }
}
