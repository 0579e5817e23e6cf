import { statfsSync } from "node:fs";

import { StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";

/** NSFS_MAGIC of linux/magic.h. */
const nsfsMagic = 0x6e73_6673;

/** What a path where a namespace should be pinned shows. */
export type NamespaceState = "missing" | "file" | "namespace";

/** Tells whether a namespace is pinned at a path, only a file is there (a pin that was cut short), or nothing. */
export function namespaceState(path: string): NamespaceState {
  try {
    return statfsSync(path).type === nsfsMagic ? "namespace" : "file";
  } catch (error) {
    if (errnoName(error) === "ENOENT") return "missing";
    throw StatusError.from(error, `examining namespace "${path}"`);
  }
}
