import { equal, rejects } from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";

import { openDescriptors, temporaryDirectory } from "../testing/host.ts";
import { receiveDescriptor } from "./receive-descriptor.ts";

/** Node cannot send descriptors. */
const needsPython = { skip: spawnSync("python3", ["-c", ""]).status === 0 ? false : "needs python3" };

/** Lets a Python send what the statement says, and gives the other end. */
async function connection(t: TestContext, statement: string): Promise<Socket> {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/file`, "content");
  const server = createServer({ pauseOnConnect: true });
  server.listen(`${directory}/socket`);
  await once(server, "listening");
  const script = `import socket, time
s = socket.socket(socket.AF_UNIX)
s.connect("${directory}/socket")
file = open("${directory}/file")
f = file.fileno()
${statement}`;
  const child = spawn("python3", ["-c", script], { stdio: ["ignore", "ignore", "inherit"] });
  const [socket] = (await once(server, "connection")) as [Socket];
  t.after(async () => {
    socket.destroy();
    server.close();
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  return socket;
}

const inTime = (): AbortSignal => AbortSignal.timeout(60_000);

test("a descriptor arrives, late too, and is one of ours", needsPython, async (t) => {
  const socket = await connection(t, "time.sleep(0.05); socket.send_fds(s, [b'name'], [f])");
  const fd = await receiveDescriptor(socket, inTime());
  equal(readFileSync(fd, "utf8"), "content");
  closeSync(fd);
});

test(
  "a message without one, with several, or no message is an error, and nothing stays open",
  needsPython,
  async (t) => {
    for (const [statement, why] of [
      ["s.send(b'text'); time.sleep(1000)", /without one/],
      ["socket.send_fds(s, [b'x'], [f, f, f]); time.sleep(1000)", /several/],
      ["s.close()", /ended/],
    ] as const) {
      const socket = await connection(t, statement);
      const before = openDescriptors();
      await rejects(receiveDescriptor(socket, inTime()), { code: Code.FailedPrecondition, message: why });
      equal(openDescriptors(), before);
    }
  },
);

test("a wait is given up, and a closed socket is refused", needsPython, async (t) => {
  const socket = await connection(t, "time.sleep(1000)");
  await rejects(receiveDescriptor(socket, AbortSignal.timeout(30)), { name: /AbortError|TimeoutError/ });
  socket.destroy();
  await rejects(receiveDescriptor(socket, inTime()), { code: Code.FailedPrecondition });
});
