import { chmod, mkdir } from "node:fs/promises";
import { dirname } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import { realPaths } from "@crib/linux";

/** A server that does not answer for so long gets no container. */
const deadline = { timeoutMs: 10_000 };

/**
 * The host paths (absolute) that are to be mounted, without symbolic links. Where nothing is there it becomes an empty directory, as
 * containerd and Docker have it, with mode 0755 and so its missing parents. DeadlineExceeded when the server that one is on does not answer.
 */
export async function resolveHostPaths(paths: readonly string[]): Promise<readonly string[]> {
  const found = await realPaths(paths, deadline);
  return await Promise.all(
    paths.map(async (path, index) => {
      const answer = found[index];
      return typeof answer === "string" ? answer : await makeMissing(path, answer);
    }),
  );
}

async function makeMissing(path: string, reason: StatusError | undefined): Promise<string> {
  const doing = `mounting host path "${path}"`;
  if (!hasCode(reason, Code.NotFound)) throw StatusError.from(reason, doing);
  try {
    await makeDirectory(path);
  } catch (error) {
    throw StatusError.from(error, doing);
  }
  const [answer] = await realPaths([path], deadline);
  if (typeof answer === "string") return answer;
  throw StatusError.from(answer, doing);
}

/** The daemon's umask would close the directories to whom they are for. */
async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o755 });
  if (first === undefined) return;
  for (let made = path.replace(/\/+$/, ""); made.length >= first.length; made = dirname(made)) await chmod(made, 0o755);
}
