import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { StatusError } from "@crib/errdefs";
import { readDockerConfigCredentials } from "@crib/registry";
import { parse } from "smol-toml";

import { type Check, type CheckResult, ok, warn } from "../types.ts";

/** Mirrors, and the files of credentials: whether they can be read, and by whom else. */
export const registries: Check = {
  name: "registries",
  async run({ registry }) {
    const results = await Promise.all([
      ...registry.configPaths.map(checkHosts),
      ...registry.authFiles.map(checkCredentials),
    ]);
    return results.flat();
  },
};

/** A directory that does not exist is none that anybody has filled. */
async function checkHosts(dir: string): Promise<readonly CheckResult[]> {
  const names = await readdir(dir).catch((reason: NodeJS.ErrnoException) => {
    if (reason.code === "ENOENT") return [];
    throw reason;
  });
  const results = await Promise.all(
    names.map(async (name): Promise<readonly CheckResult[]> => {
      const path = join(dir, name, "hosts.toml");
      const text = await readFile(path, "utf8").catch(() => undefined); // directories with certificates alone
      if (text === undefined) return [];
      try {
        parse(text);
        return [ok(`${name}: ${path}`)];
      } catch (reason) {
        const [why = ""] = StatusError.from(reason).message.split("\n", 1);
        return [warn(`${path}: ${why}`, `correct it: no image of ${name} can be pulled`)];
      }
    }),
  );
  return results.flat();
}

async function checkCredentials(path: string): Promise<readonly CheckResult[]> {
  const found = await stat(path).catch(() => undefined);
  if (!found)
    return [warn(`${path} is not there: pulls are anonymous`, "make it by docker login, or take it from auth_files")];
  try {
    // Any name will do: the file is read as a whole.
    await readDockerConfigCredentials([path])("docker.io");
  } catch (reason) {
    return [warn(StatusError.from(reason).message, "correct it: pulls that need it fail")];
  }
  if (found.mode & 0o077) return [warn(`${path} can be read by others than its owner`, `chmod 600 ${path}`)];
  return [ok(`credentials: ${path}`)];
}
