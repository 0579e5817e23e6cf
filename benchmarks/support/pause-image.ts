import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { runProgram } from "./run-program.ts";

const pause = "/usr/bin/catatonit";

/** Milliseconds for tar. */
const tarMs = 10_000;

/** Writes an image with nothing but catatonit as its pause program, in Docker's archive form. */
export async function writePauseImage(archive: string, reference: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), "crib-pause-"));
  try {
    mkdirSync(join(work, "rootfs"));
    copyFileSync(pause, join(work, "rootfs/pause"));
    chmodSync(join(work, "rootfs/pause"), 0o755);
    mkdirSync(join(work, "image"));
    const layer = join(work, "image/layer.tar");
    await runProgram("tar", ["-C", join(work, "rootfs"), "-cf", layer, "pause"], { timeoutMs: tarMs });
    const diffId = `sha256:${createHash("sha256").update(readFileSync(layer)).digest("hex")}`;
    const config = {
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      config: { Entrypoint: ["/pause", "-P"] },
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
