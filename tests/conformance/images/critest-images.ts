import { readFileSync } from "node:fs";
import { join } from "node:path";

import { baseEntries, group, passwd } from "../../support/images/base-layer.ts";
import { type Format, platformIndex, type TestImage } from "../../support/images/image.ts";
import { type TestLayer, testLayer } from "../../support/images/layer.ts";
import type { TarEntry } from "../../support/images/tar-archive.ts";

/** An image that critest pulls, without the registry's host. */
export interface NamedImage {
  readonly repository: string;
  readonly tags: readonly string[];
  readonly image: TestImage;
}

type Config = Readonly<Record<string, unknown>>;

const bin = join(import.meta.dirname, "../bin");
const e2e = "e2e-test-images";
const cri = "k8s-staging-cri-tools";
const shell: Config = { Cmd: ["sh"] };

/** The image that critest names by digest, and the tag that leads to ours. */
export const byDigest = { repository: `${cri}/test-image-digest`, tag: "latest" } as const;

/**
 * Stand-ins for all images that critest's specs and benchmarks pull, under upstream's repositories and tags, and behaving as the
 * specs look at them. Each is an index with this machine's platform and another, as upstream's are. Always the same digests on
 * the same machine. Needs what scripts/conformance-tools builds.
 */
export function critestImages(): readonly NamedImage[] {
  const base = testLayer(baseEntries());
  return [...pauseImages(), ...serverImages(base), ...imageSpecImages(base), ...benchmarkImages()];
}

/** The sandbox's. 3.9 is another image than 3.10, since it gets removed. */
function pauseImages(): readonly NamedImage[] {
  const layer = testLayer([{ name: "pause", mode: 0o755, content: readFileSync("/usr/bin/catatonit") }]);
  const config = (version: string): Config => ({
    Entrypoint: ["/pause", "-P"],
    Cmd: [],
    User: "65535:65535",
    Labels: { version },
  });
  return [
    named("oci", "pause", ["3.10", "3.10.1"], config("3.10"), layer),
    named("oci", "pause", ["3.9"], config("3.9"), layer),
  ];
}

/** Those whose containers do something. */
function serverImages(base: TestLayer): readonly NamedImage[] {
  const web = readFileSync(join(bin, "web"));
  const server = (name: string): TestLayer => testLayer([{ name: `usr/sbin/${name}`, mode: 0o755, content: web }]);
  const config = (name: string, port: number): Config => ({
    Cmd: [name, name, `${port}`, `/var/run/${name}.pid`],
    ExposedPorts: { [`${port}/tcp`]: {} },
    StopSignal: "SIGTERM",
  });
  const nginx = server("nginx");
  const euid = testLayer([{ name: "nnp", mode: 0o4755, content: readFileSync(join(bin, "euid")) }]);
  return [
    named("docker", `${e2e}/busybox`, ["1.29-2"], shell, base),
    named("docker", `${e2e}/nginx`, ["1.14-2"], config("nginx", 80), base, nginx),
    named("docker", `${e2e}/httpd`, ["2.4.39-4"], config("httpd", 80), base, server("httpd")),
    named("docker", `${e2e}/nonewprivs`, ["1.3"], { Entrypoint: ["/nnp"], Cmd: [] }, base, euid),
    ...["amd64", "arm64"].map((architecture) =>
      named("docker", `${cri}/hostnet-nginx-${architecture}`, ["latest"], config("nginx", 12_003), base, nginx),
    ),
  ];
}

/** Those that the image specs look at, pull and remove. */
function imageSpecImages(base: TestLayer): readonly NamedImage[] {
  const marked = (mark: string): TestLayer => testLayer([{ name: mark }]);
  const users = {
    "user-uid": "1002",
    "user-username": "www-data",
    "user-uid-group": "1003:1004",
    "user-username-group": "www-data:1004",
  };
  return [
    ...["1", "2", "3", "latest", "digest"].map((which) =>
      named("oci", `${cri}/test-image-${which}`, ["latest"], shell, base, marked(`test-image-${which}`)),
    ),
    named("oci", `${cri}/test-image-tags`, ["1", "2", "3"], shell, base, marked("same-image")),
    ...["test", "all"].map((tag) => named("oci", `${cri}/test-image-tag`, [tag], shell, base, marked(tag))),
    ...Object.entries(users).map(([which, User]) =>
      named("oci", `${cri}/test-image-${which}`, ["latest"], { ...shell, User }, base),
    ),
    named("oci", `${cri}/test-image-predefined-group`, ["latest"], { ...shell, User: "1000" }, base, groupLayer()),
  ];
}

function groupLayer(): TestLayer {
  const entries: readonly TarEntry[] = [
    { name: "etc/passwd", content: `${passwd}default-user:x:1000:1000:default-user:/home:/bin/sh\n` },
    {
      name: "etc/group",
      content: `${group}default-user:x:1000:\ngroup-defined-in-image:x:50000:default-user\n`,
    },
  ];
  return testLayer(entries);
}

/** They share no layer, so that each pull after a removal is a whole one. */
function benchmarkImages(): readonly NamedImage[] {
  const entries = baseEntries();
  return ["1.35.0-glibc", "1-uclibc", "1", "1-glibc", "1-musl"].map((tag) =>
    named("docker", "docker/library/busybox", [tag], shell, testLayer([...entries, { name: `bench-${tag}` }])),
  );
}

function named(
  format: Format,
  repository: string,
  tags: readonly string[],
  config: Config,
  ...layers: readonly TestLayer[]
): NamedImage {
  return { repository, tags, image: platformIndex(layers, { format, config }) };
}
