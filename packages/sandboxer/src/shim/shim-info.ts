import { create, toBinary } from "@bufbuild/protobuf";
import { RuntimeInfoSchema } from "@crib/wire/types";

import type { SandboxShimOptions } from "./types.ts";

/** The answer to `-info`: a RuntimeInfo in binary form (containerd.md 2.5). */
export function shimInfo({ name, version = "0.0.0" }: SandboxShimOptions): Uint8Array {
  return toBinary(RuntimeInfoSchema, create(RuntimeInfoSchema, { name, version: { version } }));
}
