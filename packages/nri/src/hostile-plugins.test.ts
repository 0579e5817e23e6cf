import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { connectRaw, trunkFrame, ttrpcFrame } from "./testing/raw-plugin.ts";
import { connectStubPlugin, type StubOptions, type StubPlugin } from "./testing/stub-plugin.ts";
import { patient, startTestNri, testContainer, testPod, until } from "./testing/test-nri.ts";

const garbage: readonly (readonly [string, Buffer])[] = [
  ["a frame for a connection that does not exist", trunkFrame(7, Buffer.from("x"))],
  ["a frame for connection 0", trunkFrame(0, Buffer.from("x"))],
  ["a frame of a huge length", trunkFrame(2, Buffer.alloc(0), 0xffff_ffff)],
  ["a ttrpc frame of a type that clients do not send", trunkFrame(2, ttrpcFrame(1, 2, Buffer.from("x")))],
  ["a ttrpc request to the plugin's side", trunkFrame(1, ttrpcFrame(1, 1, Buffer.from("x")))],
  ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
];

for (const [what, bytes] of garbage) {
  test(`${what} closes that connection and no other`, async (t) => {
    const { nri, socket } = await startTestNri(t);
    const good = await connectStubPlugin(socket, { index: "10" });
    await good.synchronized;
    using raw = await connectRaw(socket);
    raw.socket.write(bytes);
    await raw.closed;
    await nri.notify("RunPodSandbox", { pod: testPod() }, t.signal);
    equal(good.told.length, 1);
  });
}

test("a connection that stays mute delays nobody", async (t) => {
  const { nri, socket } = await startTestNri(t);
  using _mute = await connectRaw(socket);
  const good = await connectStubPlugin(socket);
  await good.synchronized;
  await until("the plugin has joined", () => nri.isActive);
});

test("a connection that stays mute is closed at the limit", async (t) => {
  const { socket, log } = await startTestNri(t, { registrationTimeoutMs: 50 });
  using raw = await connectRaw(socket);
  await raw.closed;
  await until("that is logged", () =>
    log.some(({ fields }) => /not registered within 50 ms/.test(String(fields["why"]))),
  );
});

test("an end inside a frame, before and after registering, closes that connection only", async (t) => {
  const { nri, socket } = await startTestNri(t);
  const good = await connectStubPlugin(socket);
  await good.synchronized;
  const message = trunkFrame(2, ttrpcFrame(1, 1, Buffer.alloc(50)));
  for (let length = 0; length < message.length; length += 7) {
    using raw = await connectRaw(socket);
    raw.socket.end(message.subarray(0, length));
    await raw.closed;
  }
  await nri.notify("RunPodSandbox", { pod: testPod() }, t.signal);
  equal(good.told.length, 1);
});

test("random bytes never hurt the runtime", async (t) => {
  const { nri, socket, limit } = await startTestNri(t);
  const good = await connectStubPlugin(socket);
  await good.synchronized;
  limit({ registrationTimeoutMs: 100 });
  let seed = 20_261_121;
  const random = (below: number): number => {
    // Numerical Recipes' linear congruential generator: the same bytes in every run.
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => random(256)));
  await Promise.all(
    Array.from({ length: 60 }, async () => {
      using raw = await connectRaw(socket);
      for (let frames = random(4); frames >= 0; frames--) {
        const payload = random(2) === 0 ? bytes(random(200)) : ttrpcFrame(random(4), random(5), bytes(random(100)));
        raw.socket.write(trunkFrame(1 + random(3), payload, random(8) === 0 ? random(2 ** 24) : payload.length));
      }
      await raw.closed;
    }),
  );
  await nri.notify("RunPodSandbox", { pod: testPod() }, t.signal);
  equal(good.told.length, 1);
  equal(nri.plugins().length, 1);
});

const badRegistrations: readonly (readonly [string, StubOptions])[] = [
  ["an index of one digit", { index: "1" }],
  ["an index of letters", { index: "aa" }],
  ["no name", { name: "" }],
  ["a name with a slash", { name: "a/b" }],
  ["events that do not exist", { events: 1 << 20 }],
];

for (const [what, options] of badRegistrations) {
  test(`a plugin with ${what} is not taken`, async (t) => {
    const { nri, socket, log } = await startTestNri(t);
    const plugin = await connectStubPlugin(socket, { ...options, registers: false });
    await plugin.register().catch(() => {}); // refused, where the name is what is wrong
    await plugin.closed;
    equal(nri.plugins().length, 0);
    equal(
      log.some(({ message }) => message === "NRI plugin not taken"),
      true,
    );
  });
}

/** What a plugin does instead of answering. */
const failures: readonly (readonly [string, (plugin: () => StubPlugin) => Promise<never>])[] = [
  ["hangs", () => new Promise<never>(() => {})],
  [
    "dies",
    (plugin) => {
      void plugin().close();
      return new Promise<never>(() => {});
    },
  ],
  ["fails", () => Promise.reject(new Error("broken"))],
  [
    "answers late",
    async () => {
      await delay(200);
      throw new Error("too late anyhow");
    },
  ],
];

for (const [what, fail] of failures) {
  for (const phase of ["onConfigure", "onSynchronize"] as const) {
    test(`a plugin that ${what} in ${phase} is not taken, and others are`, async (t) => {
      const { nri, host, socket, limit } = await startTestNri(t);
      const good = await connectStubPlugin(socket, { index: "10" });
      await good.synchronized;
      limit({ requestTimeoutMs: 100, synchronizeTimeoutMs: 100 });
      const bad: StubPlugin = await connectStubPlugin(socket, { registers: false, [phase]: () => fail(() => bad) });
      await bad.register();
      await bad.closed;
      await until("the other has joined", () => nri.plugins().length === 1);
      await until("creations are released", () => host.holds === host.releases);
      limit(patient);
      await nri.notify("RunPodSandbox", { pod: testPod() }, t.signal);
      deepEqual([good.told.length, nri.plugins()[0]?.index], [1, "10"]);
    });
  }
}

test("a plugin that dies in an event has agreed to it", async (t) => {
  const { nri, socket } = await startTestNri(t);
  const dies = await connectStubPlugin(socket, {
    index: "10",
    on: {
      createContainer: () => {
        void dies.close();
        return new Promise(() => {});
      },
    },
  });
  const lives = await connectStubPlugin(socket, { index: "20" });
  await Promise.all([dies.synchronized, lives.synchronized]);
  await until("both have joined", () => nri.plugins().length === 2);
  const result = await nri.createContainer({ pod: testPod(), container: testContainer() }, t.signal);
  deepEqual(result.updates, []);
  equal(lives.told[0]?.event, "CreateContainer");
  equal(nri.plugins().length, 1);
});

test("a plugin that hangs in Synchronize is not taken, and creations are released at once", async (t) => {
  const { nri, host, socket, log, limit } = await startTestNri(t, { synchronizeTimeoutMs: 100 });
  const hangs = await connectStubPlugin(socket, { onSynchronize: () => new Promise(() => {}) });
  await hangs.closed;
  await until("creations are released", () => host.releases === 1);
  equal(nri.plugins().length, 0);
  match(String(log.find(({ message }) => message === "NRI plugin not taken")?.fields["why"]), /no answer within/);
  limit(patient);
  const next = await connectStubPlugin(socket);
  await next.synchronized;
});

test("a plugin that does not read is closed at the limit and holds up nobody else", async (t) => {
  const { nri, socket, limit } = await startTestNri(t);
  const deaf = await connectStubPlugin(socket, { index: "20" });
  await deaf.synchronized;
  await until("it has joined", () => nri.plugins().length === 1);
  deaf.stopReading();
  limit({ requestTimeoutMs: 200 });
  // More than any buffer of a socket takes.
  const container = testContainer({ annotations: { large: "x".repeat(3 << 20) } });
  await Promise.all(
    Array.from({ length: 4 }, () => nri.notify("PostCreateContainer", { pod: testPod(), container }, t.signal)),
  );
  equal(nri.plugins().length, 0);
});

test("a plugin has a bounded number of events at a time", async (t) => {
  const { nri, socket } = await startTestNri(t, { maxConcurrentEvents: 2 });
  let [running, most] = [0, 0];
  const plugin = await connectStubPlugin(socket, {
    on: {
      postStartContainer: async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running -= 1;
        return {};
      },
    },
  });
  await plugin.synchronized;
  await until("it has joined", () => nri.isActive);
  const subject = { pod: testPod(), container: testContainer() };
  await Promise.all(Array.from({ length: 10 }, () => nri.notify("PostStartContainer", subject, t.signal)));
  deepEqual([most, plugin.told.length], [2, 10]);
});
