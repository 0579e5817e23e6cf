import { openWebSocket, requestRaw, spdyHeaders } from "@crib/streaming/testing";

import type { Node } from "../node.ts";
import { churn, type Churn } from "./churn.ts";
import type { Container } from "./container.ts";
import { attachUrl, channels, execUrl, sendOn } from "./streaming-calls.ts";

/**
 * Clients that attach, or start a command on a terminal whose sizes nobody reads, and vanish without a word: half of those that
 * attach before they have opened a stream. `count` of them, every 50th with a command. Afterwards nothing is left of them.
 */
export async function attachChurn(node: Node, container: Container, count: number): Promise<Churn> {
  return await churn(node, container, count, async (index) => {
    if (index % 50 === 49) {
      const url = await execUrl(node, container, ["sleep", "0.1"], { tty: true, stdin: true });
      using client = await openWebSocket(url, "v5.channel.k8s.io");
      for (let size = 1; size < 20; size++) await sendOn(client, channels.resize, `{"Width":${size},"Height":9}`);
    } else if (index % 2 === 0) {
      using client = await openWebSocket(await attachUrl(node, container), "v5.channel.k8s.io");
      await sendOn(client, channels.resize, '{"Width":80,"Height":25}');
    } else {
      using _client = await requestRaw(await attachUrl(node, container), spdyHeaders);
    }
  });
}
