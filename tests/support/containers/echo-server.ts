import { spawn } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";

import { endAfter } from "../end-after.ts";
import type { Pod } from "../pod.ts";

/** Sends back what it gets, and ends its side when the client has ended its own. */
const program = `
const { createServer } = require("node:net");
const [host] = process.argv.slice(1);
const server = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on("error", () => {});
  socket.pipe(socket);
});
server.listen({ host, port: 0, ipv6Only: true }, () => console.log(server.address().port));
`;

/** Starts a server at one address in a pod's network; it ends with the test. Gives its port. */
export async function startEchoServer(t: TestContext, { netns }: Pick<Pod, "netns">, host: string): Promise<number> {
  const argv = [`--net=${netns}`, "--", process.execPath, "-e", program, host];
  const child = spawn("nsenter", argv, { stdio: ["ignore", "pipe", "inherit"] });
  endAfter(t, async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return Number(line.toString());
}
