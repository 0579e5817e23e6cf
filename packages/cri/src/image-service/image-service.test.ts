import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";
import { ImageService } from "@crib/wire/cri";

import { imageRecord } from "../testing/memory-images.ts";
import { startTestServer } from "../testing/test-server.ts";

const service = ImageService.method;
const digits = (digit: string): Digest => `sha256:${digit.repeat(64)}`;

test("a pulled image is listed, and shown under each of its names alike", async () => {
  await using server = await startTestServer();
  const { client, images } = server;
  images.served.set("registry.example/web:v1", {
    id: digits("1"),
    manifest: digits("2"),
    size: 77,
    user: "1002:users",
  });
  const { imageRef } = await client.call(service.pullImage, { image: { image: "registry.example/web:v1" } });
  equal(imageRef, digits("1"));
  const { images: listed } = await client.call(service.listImages, {});
  equal(listed.length, 1);
  equal(listed[0]?.id, imageRef);
  deepEqual(listed[0]?.repoTags, ["registry.example/web:v1"]);
  deepEqual(listed[0]?.repoDigests, [`registry.example/web@${digits("2")}`]);
  equal(listed[0]?.size, 77n);
  equal(listed[0]?.uid?.value, 1002n);
  equal(listed[0]?.username, "");
  equal(listed[0]?.spec?.image, imageRef);
  equal(listed[0]?.spec?.runtimeHandler, "");
  equal(listed[0]?.pinned, false);
  for (const name of [
    "registry.example/web:v1",
    imageRef,
    "1".repeat(64),
    "1".repeat(13),
    `registry.example/web@${digits("2")}`,
  ]) {
    const status = await client.call(service.imageStatus, { image: { image: name } });
    deepEqual(status.image, listed[0], name);
    deepEqual(status.info, {}, name);
  }
});

test("names are completed as the CRI's clients expect", async () => {
  await using server = await startTestServer();
  const { client } = server;
  const tagsOf = async (image: string): Promise<[readonly string[] | undefined, readonly string[] | undefined]> => {
    const { imageRef } = await client.call(service.pullImage, { image: { image } });
    const status = await client.call(service.imageStatus, { image: { image: imageRef } });
    return [status.image?.repoTags, status.image?.repoDigests];
  };
  deepEqual((await tagsOf("busybox"))[0], ["docker.io/library/busybox:latest"]);
  deepEqual((await tagsOf("registry.example:5000/a/b"))[0], ["registry.example:5000/a/b:latest"]);
  deepEqual(await tagsOf(`gcr.io/x@${digits("c")}`), [[], [`gcr.io/x@${digits("c")}`]]);
});

test("three tags of one image are one image, and removing by one of them removes all", async () => {
  await using server = await startTestServer();
  const { client, images } = server;
  const names = ["a.example/x:1", "a.example/x:2", "b.example/y:3"];
  for (const name of names) images.served.set(name, { id: digits("1"), manifest: digits("2") });
  for (const image of names) await client.call(service.pullImage, { image: { image } });
  const { images: listed } = await client.call(service.listImages, {});
  deepEqual(
    listed.map(({ repoTags }) => repoTags),
    [names],
  );
  await client.call(service.removeImage, { image: { image: "b.example/y:3" } });
  for (const image of [...names, digits("1")]) {
    equal((await client.call(service.imageStatus, { image: { image } })).image, undefined, image);
  }
  await Promise.all(names.map((image) => client.call(service.removeImage, { image: { image } })));
});

test("a filter leaves the image that it names, or all of a repository, in one message or in many", async () => {
  await using server = await startTestServer();
  const { client, images } = server;
  for (const [id, name] of [
    ["1", "busybox:1"],
    ["2", "busybox:2"],
    ["3", "a.example/busybox:1"],
    ["4", "busyboxes:1"],
  ] as const) {
    images.served.set(name.includes("/") ? name : `docker.io/library/${name}`, { id: digits(id) });
    await client.call(service.pullImage, { image: { image: name } });
  }
  const cases: [object | undefined, string[]][] = [
    [undefined, ["1", "2", "3", "4"]],
    [{}, ["1", "2", "3", "4"]],
    [{ image: {} }, ["1", "2", "3", "4"]],
    [{ image: { image: "busybox" } }, ["1", "2"]],
    [{ image: { image: "docker.io/library/busybox" } }, ["1", "2"]],
    [{ image: { image: "busybox:2" } }, ["2"]],
    [{ image: { image: "busybox:3" } }, []],
    [{ image: { image: "a.example/busybox" } }, ["3"]],
    [{ image: { image: digits("4") } }, ["4"]],
    [{ image: { image: "444444444444" } }, ["4"]],
    [{ image: { image: "../../etc" } }, []],
    [{ image: { runtimeHandler: "kata" } }, ["1", "2", "3", "4"]],
    [{ image: { runtimeHandler: "nobody" } }, []],
    [{ image: { image: "busybox:1", runtimeHandler: "nobody" } }, []],
  ];
  for (const [filter, expected] of cases) {
    const request = filter ? { filter } : {};
    const ids = expected.map(digits);
    const { images: listed } = await client.call(service.listImages, request);
    deepEqual(
      listed.map(({ id }) => id),
      ids,
      JSON.stringify(filter),
    );
    const streamed = await client.collect(service.streamImages, request);
    deepEqual(
      streamed.flatMap(({ images: some }) => some.map(({ id }) => id)),
      ids,
    );
  }
});

test("twenty thousand images are streamed in small messages", async () => {
  await using server = await startTestServer();
  const repoTags = Array.from({ length: 10 }, (_, index) => `registry.example/${"x".repeat(100)}:${index}`);
  for (let i = 0; i < 20_000; i++) {
    const id: Digest = `sha256:${i.toString(16).padStart(64, "0")}`;
    server.images.images.set(id, imageRecord({ id, repoTags }));
  }
  const messages = await server.client.collect(service.streamImages, {});
  equal(messages.flatMap(({ images }) => images).length, 20_000);
  ok(messages.length >= 10);
});

test("users of images: numbers, names, and texts that only look like numbers", async () => {
  await using server = await startTestServer();
  const { client, images } = server;
  const cases: [string, bigint | undefined, string][] = [
    ["", undefined, ""],
    ["0", 0n, ""],
    ["1002", 1002n, ""],
    ["1003:users", 1003n, ""],
    ["www-data", undefined, "www-data"],
    ["www-data:100", undefined, "www-data"],
    ["4294967296", undefined, "4294967296"],
    ["-1", undefined, "-1"],
    ["x".repeat(8 << 20), undefined, "x".repeat(256)],
    ["\ud800", undefined, "\ufffd"],
  ];
  for (const [user, uid, username] of cases) {
    images.images.set(digits("1"), imageRecord({ id: digits("1"), user }));
    const { image } = await client.call(service.imageStatus, { image: { image: digits("1") } });
    equal(image?.uid?.value, uid, user.slice(0, 20));
    equal(image?.username, username);
  }
});

test("verbose status tells the details as JSON, and an image that goes meanwhile is not there", async () => {
  await using server = await startTestServer();
  const { client, images } = server;
  images.images.set(digits("1"), imageRecord({ id: digits("1"), pinned: true }));
  const request = { image: { image: digits("1") }, verbose: true };
  const { image, info } = await client.call(service.imageStatus, request);
  equal(image?.pinned, true);
  equal((JSON.parse(info["info"] ?? "") as { id: string }).id, digits("1"));
  images.describe = async (id) => {
    images.images.delete(id);
    throw new StatusError(Code.NotFound, "it has gone");
  };
  const gone = await client.call(service.imageStatus, request);
  equal(gone.image, undefined);
  deepEqual(gone.info, {});
});

test("names that are none are refused by pull, and not found by the others", async () => {
  await using server = await startTestServer();
  const { client } = server;
  const invalid = { code: Code.InvalidArgument };
  for (const image of [
    "../x",
    "http://x/y",
    "UPPER/x y",
    "a".repeat(3_000),
    "a".repeat(64),
    "x@sha256:12",
    "-x",
    "x\n",
  ]) {
    await rejects(client.call(service.pullImage, { image: { image } }), invalid, image);
  }
  for (const image of ["../x", "http://x/y", "a".repeat(3_000), "__proto__"]) {
    equal((await client.call(service.imageStatus, { image: { image } })).image, undefined);
    await client.call(service.removeImage, { image: { image } });
  }
  const calls = [service.pullImage, service.imageStatus, service.removeImage].map(
    (method) => (request: { image?: { image: string } }) => client.call(method as typeof service.pullImage, request),
  );
  for (const call of calls) {
    await rejects(call({}), { code: Code.InvalidArgument, details: "invalid image: is missing" });
    await rejects(call({ image: { image: "" } }), invalid);
    await rejects(call({ image: { image: "x\u0000" } }), invalid);
    await rejects(call({ image: { image: "x".repeat(5_000) } }), invalid);
  }
  equal(server.images.requests.length, 0);
});

test("a pull is for a handler that is configured; what other fields say changes nothing", async () => {
  await using server = await startTestServer();
  const { client, images } = server;
  const image = {
    image: "busybox",
    userSpecifiedImage: "busybox",
    imageRef: "docker.io/library/busybox@sha256:1",
    annotations: { a: "b" },
  };
  await client.call(service.pullImage, { image, sandboxConfig: { hostname: "\u0000 ignored" } });
  await client.call(service.pullImage, { image: { ...image, runtimeHandler: "kata" } });
  deepEqual(
    images.requests.map(({ runtimeHandler }) => runtimeHandler),
    ["", "kata"],
  );
  await rejects(client.call(service.pullImage, { image: { ...image, runtimeHandler: "nobody" } }), {
    code: Code.InvalidArgument,
  });
  const status = (runtimeHandler: string): Promise<{ readonly image?: unknown }> =>
    client.call(service.imageStatus, { image: { ...image, runtimeHandler } });
  ok((await status("kata")).image);
  equal((await status("nobody")).image, undefined);
  await client.call(service.removeImage, { image: { ...image, runtimeHandler: "nobody" } });
  ok((await status("")).image);
});

test("credentials reach the pull for the registry that they are for, and nothing else", async () => {
  await using server = await startTestServer();
  const { client, images, logged } = server;
  const basic = { kind: "basic", username: "me", password: "hunter2" };
  const cases: [object, unknown][] = [
    [{}, undefined],
    [{ username: "me", password: "hunter2" }, basic],
    [{ auth: Buffer.from("me:hunter2").toString("base64") }, basic],
    [{ identityToken: "hunter2" }, { kind: "identity-token", token: "hunter2" }],
    [{ registryToken: "hunter2" }, { kind: "registry-token", token: "hunter2" }],
    [{ username: "me", password: "hunter2", serverAddress: "https://registry.example" }, basic],
  ];
  for (const [auth, credentials] of cases) {
    await client.call(service.pullImage, { image: { image: "registry.example/x" }, auth });
    deepEqual(images.requests.at(-1)?.credentials, credentials, JSON.stringify(auth));
  }
  await client.call(service.pullImage, {
    image: { image: "registry.example/x" },
    auth: { username: "me", password: "hunter2", serverAddress: "elsewhere.example" },
  });
  equal(images.requests.at(-1)?.credentials, undefined);
  images.beforePull = async () => {
    throw new StatusError(Code.Unauthenticated, "pulling: the registry wants other credentials");
  };
  const wrong = [{ auth: "hunter2!" }, { registryToken: "hunter2 \u00fc" }, { username: "me", password: "hunter2" }];
  for (const auth of wrong) {
    await rejects(client.call(service.pullImage, { image: { image: "registry.example/x" }, auth }), (reason: Error) => {
      ok(!reason.message.includes("hunter2"), reason.message);
      return true;
    });
  }
  ok(!JSON.stringify(logged).includes("hunter2"));
});

test("a client that leaves ends its pull; a deadline is told by its name", async () => {
  await using server = await startTestServer();
  const { client, images } = server;
  const reasons: unknown[] = [];
  let entered = 0;
  images.beforePull = (_request, signal) =>
    new Promise((_resolve, reject) => {
      entered += 1;
      signal.addEventListener("abort", () => {
        reasons.push(signal.reason);
        reject(signal.reason as Error);
      });
    });
  const isTold = (): boolean => reasons.some((reason) => (reason as StatusError).code === Code.DeadlineExceeded);
  // Where the machine stalls, a short deadline passes before the call has come.
  for (let timeoutMs = 50; timeoutMs < 20_000 && !isTold(); timeoutMs *= 4) {
    const pull = client.call(service.pullImage, { image: { image: "busybox" } }, { deadline: Date.now() + timeoutMs });
    await rejects(pull, { code: Code.DeadlineExceeded });
    while (reasons.length < entered) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  ok(isTold());
});

test("ImageFsInfo tells the usage of images and of containers, and when it was measured", async () => {
  await using server = await startTestServer();
  const { imageFilesystems, containerFilesystems } = await server.client.call(service.imageFsInfo, {});
  equal(imageFilesystems.length, 1);
  equal(imageFilesystems[0]?.fsId?.mountpoint, "/var/lib/crib");
  equal(imageFilesystems[0]?.usedBytes?.value, 4096n);
  equal(imageFilesystems[0]?.inodesUsed?.value, 3n);
  equal(imageFilesystems[0]?.timestamp, 1_700_000_000_000_000_000n);
  equal(containerFilesystems[0]?.fsId?.mountpoint, "/var/lib/crib");
  equal(containerFilesystems[0]?.usedBytes?.value, 0n);
});
