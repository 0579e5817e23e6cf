import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";

import { imageRecord, startTestServer } from "@crib/cri/testing";
import { Code, StatusError } from "@crib/errdefs";
import { type Digest, digestOf } from "@crib/oci-spec";

import { addAdminServices } from "../../daemon/admin/add-admin-services.ts";
import { MemoryImageAdmin } from "../../daemon/admin/testing/memory-image-admin.ts";
import { nothingToReload } from "../../daemon/admin/testing/nothing-to-reload.ts";

const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
const digits = (digit: string): Digest => `sha256:${digit.repeat(64)}`;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Scene extends AsyncDisposable {
  readonly images: MemoryImageAdmin;
  readonly dir: string;
  /** Runs `crib` against the scene's daemon; `interrupt` is told when to send SIGINT. */
  crib(
    args: readonly string[],
    options?: { readonly input?: string | Buffer; readonly interrupt?: Promise<void> },
  ): Promise<Ended>;
}

async function startScene(): Promise<Scene> {
  const dir = await mkdtemp(join(tmpdir(), "crib-cli-"));
  const images = new MemoryImageAdmin();
  const handlers = { defaultName: "runc", all: [] };
  const server = await startTestServer(
    { images },
    { addServices: addAdminServices({ images, handlers, reloader: nothingToReload }) },
  );
  return {
    images,
    dir,
    async crib(args, { input, interrupt } = {}): Promise<Ended> {
      const env = { ...process.env, CRIB_SOCKET: server.socketPath };
      const child = spawn(process.execPath, [main, ...args], { env, stdio: "pipe" });
      const texts = { stdout: "", stderr: "" };
      child.stdout.on("data", (chunk: Buffer) => (texts.stdout += chunk.toString("latin1")));
      child.stderr.on("data", (chunk: Buffer) => (texts.stderr += chunk.toString()));
      child.stdin.on("error", () => {}); // it may end without reading
      if (input !== undefined) child.stdin.end(input);
      void interrupt?.then(() => child.kill("SIGINT"));
      const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
      child.stdin.destroy();
      return { code, ...texts };
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await server[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

suite("the command line for images", { concurrency: 3 }, () => {
  test("pull prints lines to standard error and the id to standard output", async () => {
    await using scene = await startScene();
    const layer = { kind: "layer", digest: digits("1"), downloaded: 0, unpacked: 0, size: 5 } as const;
    scene.images.beforePull = async ({ onEvent }) => {
      onEvent?.({ kind: "resolved", reference: "docker.io/library/web:latest", digest: digits("9"), layers: [] });
      onEvent?.({ ...layer, state: "done" });
    };
    const { code, stdout, stderr } = await scene.crib(["pull", "web"]);
    equal(code, 0, stderr);
    equal(stdout, `${scene.images.list()[0]?.id}\n`);
    deepEqual(stderr.trimEnd().split("\n"), [
      "docker.io/library/web:latest: resolving",
      `docker.io/library/web:latest: resolved to ${digits("9")}, 0 layers`,
      "1111111111111: done",
    ]);
    const quiet = await scene.crib(["pull", "-q", "web"]);
    deepEqual([quiet.stdout, quiet.stderr], [stdout, ""]);
  });

  test("pull takes a password from standard input, and never tells it", async () => {
    await using scene = await startScene();
    scene.images.beforePull = async () => {
      throw new StatusError(Code.Unauthenticated, 'pulling "web": the registry refuses the credentials');
    };
    const runs = await Promise.all([
      scene.crib(["pull", "-u", "me", "--password-stdin", "web"], { input: "hunter2\n" }),
      scene.crib(["pull", "--creds", "me:hunter2", "web"]),
    ]);
    for (const { code, stdout, stderr } of runs) {
      equal(code, 1);
      equal(stdout, "");
      ok(stderr.endsWith('crib: pulling "web": the registry refuses the credentials\n'), stderr);
      ok(!stderr.includes("hunter2"));
    }
    const credentials = { kind: "basic", username: "me", password: "hunter2" };
    deepEqual(
      scene.images.requests.map((request) => request.credentials),
      [credentials, credentials],
    );
    const both = await scene.crib(["pull", "--creds", "me:hunter2", "--username", "me", "web"]);
    equal(both.code, 2);
    ok(!both.stderr.includes("hunter2"));
  });

  test("an interrupted pull is ended in the daemon too", async () => {
    await using scene = await startScene();
    const entered = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<void>();
    scene.images.beforePull = (_request, signal) =>
      new Promise((_resolve, reject) => {
        entered.resolve();
        signal.addEventListener("abort", () => {
          aborted.resolve();
          reject(signal.reason as Error);
        });
      });
    const ended = await scene.crib(["pull", "web"], { interrupt: entered.promise });
    await aborted.promise;
    equal(ended.code, 1);
    match(ended.stderr, /crib: .*pulling "web": ended by SIGINT\n$/);
  });

  test("images are listed as a table, by id and as JSON", async () => {
    await using scene = await startScene();
    const { images } = scene.images;
    images.set(
      digits("1"),
      imageRecord({
        id: digits("1"),
        repoTags: ["docker.io/library/web:1", "docker.io/library/web:2"],
        size: 4_262_000,
      }),
    );
    images.set(digits("2"), imageRecord({ id: digits("2"), repoDigests: [`a.example/x@${digits("3")}`], size: 1_000 }));
    images.set(digits("4"), imageRecord({ id: digits("4"), size: 7 }));
    const [table, whole, quiet, filtered, json] = await Promise.all(
      [["images"], ["images", "--no-trunc"], ["images", "-q"], ["images", "-q", "web"], ["images", "--json"]].map(
        (args) => scene.crib(args),
      ),
    );
    equal(
      table?.stdout,
      [
        "IMAGE                   TAG      IMAGE ID        SIZE",
        "a.example/x             <none>   2222222222222   1kB",
        "docker.io/library/web   1        1111111111111   4.26MB",
        "docker.io/library/web   2        1111111111111   4.26MB",
        "<none>                  <none>   4444444444444   7B",
        "",
      ].join("\n"),
    );
    ok(whole?.stdout.includes(digits("4")));
    equal(quiet?.stdout, "2222222222222\n1111111111111\n4444444444444\n");
    equal(filtered?.stdout, "1111111111111\n");
    const parsed = JSON.parse(json?.stdout ?? "") as { id: string; unpackedBytes: string }[];
    deepEqual(
      parsed.map(({ id }) => id),
      [digits("2"), digits("1"), digits("4")],
    );
    equal(parsed[0]?.unpackedBytes, "4096");
  });

  test("rmi removes what is named, says what is not there, and prunes", async () => {
    await using scene = await startScene();
    const { images } = scene.images;
    for (const [id, more] of Object.entries({
      1: { repoTags: ["docker.io/library/web:1"] },
      2: { repoDigests: [`a.example/x@${digits("3")}`] },
      3: { pinned: true },
      4: { repoTags: ["docker.io/library/web:4"] },
    })) {
      images.set(digits(id), imageRecord({ id: digits(id), ...more }));
    }
    const named = await scene.crib(["rmi", "web:1", "nothing"]);
    equal(named.code, 1);
    equal(named.stdout, `${digits("1")} docker.io/library/web:1\n`);
    equal(named.stderr, 'crib: removing image "nothing": there is none\n');
    equal((await scene.crib(["rmi", "--prune"])).stdout, `${digits("2")}\n`);
    equal((await scene.crib(["rmi", "--all"])).stdout, `${digits("4")} docker.io/library/web:4\n`);
    deepEqual([...images.keys()], [digits("3")]);
    const both = await scene.crib(["rmi", "--all", "x"]);
    deepEqual([both.code, both.stderr], [2, "crib: expected the names of images, or --all, or --prune\n"]);
  });

  test("archives go in by file or pipe, and out whole or not at all", async () => {
    await using scene = await startScene();
    const archive = Buffer.from("archive".repeat(100_000));
    const file = join(scene.dir, "in.tar");
    const output = join(scene.dir, "out.tar");
    await writeFile(file, archive);
    const [byFile, byPipe] = await Promise.all([
      scene.crib(["image", "import", file, "--as", "a.example/x:1"]),
      scene.crib(["image", "import", "-"], { input: "other" }),
    ]);
    equal(byFile.stdout, `${digestOf(archive)} a.example/x:1\n`, byFile.stderr);
    equal(byPipe.stdout, `${digestOf("other")} docker.io/library/archive:latest\n`, byPipe.stderr);
    const exported = await scene.crib(["image", "export", "-o", output, "a.example/x:1"]);
    equal(exported.code, 0, exported.stderr);
    ok((await readFile(output)).equals(archive));
    equal((await scene.crib(["image", "export", "-o", "-", "a.example/x:1"])).stdout, archive.toString());
    const failed = await scene.crib(["image", "export", "-o", output, "nothing"]);
    equal(failed.code, 1);
    match(failed.stderr, /^crib: exporting image "nothing": not found\n$/);
    deepEqual((await readdir(scene.dir)).toSorted(), ["in.tar", "out.tar"]);
    ok((await readFile(output)).equals(archive));
    const missing = await scene.crib(["image", "import", join(scene.dir, "missing.tar")]);
    equal(missing.code, 1);
    match(missing.stderr, /^crib: importing ".*missing.tar": ENOENT/);
  });

  test("a refused import ends though its pipe stays open", async () => {
    await using scene = await startScene();
    scene.images.beforeChunk = async () => {
      throw new StatusError(Code.InvalidArgument, "importing: this is no archive");
    };
    const child = scene.crib(["image", "import", "/dev/zero"]);
    const { code, stderr } = await child;
    equal(code, 1);
    equal(stderr, "crib: importing: this is no archive\n");
  });

  test("verify names what is bad and exits 1; inspect and gc tell", async () => {
    await using scene = await startScene();
    const { images } = scene;
    images.verdicts = [{ digest: digits("1"), size: 5_000, state: "sound", images: [] }];
    const sound = await scene.crib(["image", "verify"]);
    deepEqual([sound.code, sound.stdout], [0, "1 blobs, 5kB: all sound\n"]);
    images.verdicts = [
      ...images.verdicts,
      { digest: digits("2"), size: 0, state: "missing", images: [digits("a")] },
      { digest: digits("3"), size: 0, state: "damaged", images: [] },
    ];
    const bad = await scene.crib(["image", "verify"]);
    equal(bad.code, 1);
    equal(
      bad.stdout,
      [
        `missing: ${digits("2")} (images aaaaaaaaaaaaa)`,
        `damaged: ${digits("3")} (no image needs it)`,
        "3 blobs, 5kB: 2 bad; pull the images again",
        "",
      ].join("\n"),
    );
    images.images.set(digits("1"), imageRecord({ id: digits("1"), repoTags: ["docker.io/library/web:1"] }));
    const inspected = JSON.parse((await scene.crib(["image", "inspect", "web:1"])).stdout) as {
      status: { id: string };
      info: { id: string };
    };
    deepEqual([inspected.status.id, inspected.info.id], [digits("1"), digits("1")]);
    equal((await scene.crib(["image", "inspect", "nothing"])).code, 1);
    match((await scene.crib(["image", "gc"])).stdout, /^removed 1 blobs and 4 partial ones \(1.1TB\), 3 snapshots\n$/);
  });
});
