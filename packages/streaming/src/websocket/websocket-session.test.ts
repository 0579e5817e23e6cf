import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { echo, openWebSocket, session, startServer } from "../testing/index.ts";
import type { TerminalSize } from "../types.ts";

const success = { metadata: {}, status: "Success" };
const outputs = session(
  async ({ stdout, stderr }) => {
    stdout!.write("out");
    stderr!.write("err");
    return 3;
  },
  { stdin: false },
);

for (const protocol of ["v4.channel.k8s.io", "v5.channel.k8s.io"]) {
  test(`${protocol}: outputs, then the status, then a normal close`, async () => {
    await using server = await startServer();
    using client = await openWebSocket(server.exec(outputs), "unknown", protocol);
    equal(client.socket.protocol, protocol);
    equal(await client.closed, 1000);
    deepEqual(client.messages[0], Buffer.from([1])); // ready
    equal(client.channel(1).toString(), "out");
    equal(client.channel(2).toString(), "err");
    const status = JSON.parse(client.channel(3).toString()) as { reason: string; details: { causes: unknown } };
    equal(status.reason, "NonZeroExitCode");
    deepEqual(status.details.causes, [{ reason: "ExitCode", message: "3" }]);
  });
}

test("protocols before v4 have a status in words, and none of success", async () => {
  await using server = await startServer();
  for (const protocols of [[], ["channel.k8s.io"]]) {
    using failed = await openWebSocket(server.exec(outputs), ...protocols);
    await failed.closed;
    ok(failed.channel(3).toString().includes("exit status 3"));
    using fine = await openWebSocket(server.exec(session(async () => 0)), ...protocols);
    await fine.closed;
    equal(fine.channel(3).length, 0);
  }
});

for (const protocol of ["base64.channel.k8s.io", "v4.base64.channel.k8s.io"]) {
  test(`${protocol}: text messages both ways`, async () => {
    await using server = await startServer();
    const once = session(async ({ stdin, stdout }) => {
      for await (const chunk of stdin as AsyncIterable<Buffer>) {
        stdout!.write(chunk.toString().toUpperCase());
        break;
      }
      return 0;
    });
    using client = await openWebSocket(server.exec(once), protocol);
    client.socket.send(`0${Buffer.from("hällo").toString("base64")}`);
    await client.closed;
    const sent = client.messages.map(String).filter((message) => message.startsWith("1")).map((message) => Buffer.from(message.slice(1), "base64").toString()); // prettier-ignore
    equal(sent.join(""), "HÄLLO");
  });
}

test("v5: a close message ends stdin, also when it is the other channels' turn first", async () => {
  await using server = await startServer();
  using client = await openWebSocket(server.attach(session(echo)), "v5.channel.k8s.io");
  client.socket.send(Buffer.from([255, 3]));
  client.socket.send(Buffer.from("\0hello"));
  client.socket.send(Buffer.from([255, 0]));
  equal(await client.closed, 1000);
  equal(client.channel(1).toString(), "hello");
});

test("a broken close message ends the connection", async () => {
  await using server = await startServer();
  using client = await openWebSocket(server.exec(session(echo)), "v5.channel.k8s.io");
  client.socket.send(Buffer.from([255, 0, 0]));
  equal(await client.closed, 1008);
});

test("a failure of the session itself is an internal error", async () => {
  await using server = await startServer();
  const failing = session(() => Promise.reject(new Error("no shell")));
  using client = await openWebSocket(server.exec(failing), "v4.channel.k8s.io");
  await client.closed;
  const { status, reason, code, message } = JSON.parse(client.channel(3).toString()) as Record<string, unknown>;
  deepEqual(
    { status, reason, code, message },
    { status: "Failure", reason: "InternalError", code: 500, message: "no shell" },
  );
});

test("a terminal gets its sizes; zero and nonsense are skipped, and unread ones give way to the latest", async () => {
  await using server = await startServer();
  const seen: TerminalSize[] = [];
  const terminal = session(
    async ({ stdin, stdout, resizes }) => {
      stdout!.write("$ ");
      for await (const _chunk of stdin as AsyncIterable<Buffer>) break;
      for await (const size of resizes) {
        seen.push(size);
        break;
      }
      return 0;
    },
    { stderr: false, tty: true },
  );
  using client = await openWebSocket(server.exec(terminal), "v4.channel.k8s.io");
  for (let width = 1; width <= 1000; width++) client.socket.send(`\u0004{"Width":${width},"Height":25}`);
  client.socket.send('\u0004{"Width":0,"Height":0}');
  client.socket.send('\u0004{"Width":"1","Height":[]}}}{{"');
  client.socket.send(Buffer.from("\0go"));
  await client.closed;
  deepEqual(seen, [{ width: 1000, height: 25 }]);
  deepEqual(JSON.parse(client.channel(3).toString()), success);
});

test("an unknown subprotocol is refused", async () => {
  await using server = await startServer();
  const refused = openWebSocket(server.exec(outputs), "v9.channel.k8s.io");
  equal(await refused.then(() => "accepted", (error: Error) => error.message), "Unexpected server response: 400"); // prettier-ignore
});
