import { equal, ok } from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { connectExec } from "../client/connect-exec.ts";
import { openWebSocket, requestRaw, session, spdyHeaders, startServer } from "../testing/index.ts";

/** Sessions of each kind; more for a soak. */
const rounds = Number(process.env["CRIB_CHURN_ROUNDS"] ?? 150);

/** What keeps an event loop alive and belongs to connections. */
function handles(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length;
}

async function settle(expected: number): Promise<void> {
  for (let waited = 0; handles() > expected && waited < 60_000; waited += 20) await delay(20);
}

test("clients that attach and vanish, or never read sizes, leave nothing behind", async (t) => {
  await using server = await startServer();
  let running = 0;
  const attached = session(
    async (_streams, signal) => {
      running++;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      running--;
      return 0;
    },
    { tty: true, stderr: false },
  );
  const once = async (): Promise<void> => {
    {
      using client = await openWebSocket(server.attach(attached), "v4.channel.k8s.io");
      client.socket.send('\u0004{"Width":80,"Height":25}');
    }
    {
      using _half = await requestRaw(server.attach(attached), spdyHeaders);
    }
    const quick = session(async () => 0, { stdin: false, stderr: false });
    await connectExec(server.exec(quick), { stdout: new PassThrough() }, t.signal);
  };
  for (let index = 0; index < 20; index++) await once();
  const before = handles();
  await settle(1);
  const memory = process.memoryUsage().rss;
  for (let index = 0; index < rounds; index++) await once();
  await settle(1);
  ok(handles() <= Math.max(before, 1), `${handles()} connections are left`);
  equal(running, 0);
  ok(process.memoryUsage().rss - memory < 48 * 1024 * 1024, `${process.memoryUsage().rss - memory} bytes more`);
});
