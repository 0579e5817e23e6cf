import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { runProgram } from "./run-program.ts";

/** Milliseconds for tar. */
const tarMs = 10_000;

/** What an image is made of. */
export interface ImageContent {
  /** The `config` of the image's configuration. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Puts the files of the only layer into the directory. */
  readonly fill: (rootfs: string) => void;
}

/** Writes an image of one layer in Docker's archive form. */
export async function writeImage(archive: string, reference: string, content: ImageContent): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), "crib-image-"));
  try {
    mkdirSync(join(work, "rootfs"));
    content.fill(join(work, "rootfs"));
    mkdirSync(join(work, "image"));
    const layer = join(work, "image/layer.tar");
    await runProgram("tar", ["-C", join(work, "rootfs"), "-cf", layer, "."], { timeoutMs: tarMs });
    const diffId = `sha256:${createHash("sha256").update(readFileSync(layer)).digest("hex")}`;
    const config = {
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      config: content.config,
      rootfs: { type: "layers", diff_ids: [diffId] },
    };
    writeFileSync(join(work, "image/config.json"), JSON.stringify(config));
    const manifest = [{ Config: "config.json", RepoTags: [reference], Layers: ["layer.tar"] }];
    writeFileSync(join(work, "image/manifest.json"), JSON.stringify(manifest));
    await runProgram("tar", ["-C", join(work, "image"), "-cf", archive, "."], { timeoutMs: tarMs });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
