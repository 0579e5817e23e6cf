import { grpcServiceClient } from "@crib/grpc";
import { Controller, type ControllerWaitResponse } from "@crib/wire/sandbox";
import type { Client } from "@grpc/grpc-js";

/**
 * Calls held on one connection. Servers refuse to serve more than some number at a time, 100 and 200 are usual (RFC 9113, 5.1.2):
 * those of many sandboxes would keep all other calls waiting.
 */
const waitsPerChannel = 80;

interface Channel {
  readonly channel: Client;
  held: number;
}

/** The Wait calls of a sandboxer's sandboxes, one for each that runs, over as many connections as they need. */
export class WaitChannels {
  readonly #open: () => Client;
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #channels: Channel[] = [];

  constructor(open: () => Client, metadata: Readonly<Record<string, string>>) {
    this.#open = open;
    this.#metadata = metadata;
  }

  /** Sends Wait, without a deadline. */
  async wait(
    request: { readonly sandboxId: string; readonly sandboxer: string },
    options: { readonly signal: AbortSignal; readonly timeoutMs?: number },
  ): Promise<ControllerWaitResponse> {
    const channel = this.#take();
    channel.held += 1;
    try {
      return await grpcServiceClient(Controller, channel.channel, { metadata: this.#metadata }).wait(request, options);
    } finally {
      channel.held -= 1;
    }
  }

  /** Closes what is open; the next Wait connects anew. One that has failed would go on failing for a while. */
  close(): void {
    for (const { channel } of this.#channels.splice(0)) channel.close();
  }

  #take(): Channel {
    const free = this.#channels.find(({ held }) => held < waitsPerChannel);
    if (free) return free;
    const added = { channel: this.#open(), held: 0 };
    this.#channels.push(added);
    return added;
  }
}
