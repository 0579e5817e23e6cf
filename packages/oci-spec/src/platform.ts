import { StatusError, Code } from "@crib/errdefs";

/** An operating system and processor as OCI indexes and the CRI name them (Go's GOOS and GOARCH). */
export interface PlatformName {
  readonly os: string;
  readonly architecture: string;
  /** Empty where the architecture has no variants. */
  readonly variant: string;
}

const byNodeArch: Readonly<Record<string, readonly [architecture: string, variant: string]>> = {
  x64: ["amd64", ""],
  arm64: ["arm64", "v8"],
  arm: ["arm", "v7"],
  ia32: ["386", ""],
  ppc64: ["ppc64le", ""],
  riscv64: ["riscv64", ""],
  s390x: ["s390x", ""],
  loong64: ["loong64", ""],
};

/**
 * The platform that this process runs on, or that of the `os` and `arch` as Node names them. An unknown one is
 * Unimplemented.
 */
export function platformOf(os: string = process.platform, arch: string = process.arch): PlatformName {
  const known = byNodeArch[arch];
  if (known === undefined)
    throw new StatusError(Code.Unimplemented, `naming the platform: unknown architecture "${arch}"`);
  return { os: os === "win32" ? "windows" : os, architecture: known[0], variant: known[1] };
}
