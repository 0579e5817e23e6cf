import { join } from "node:path";

import { checksum, openRecordCopies } from "@crib/core/metadata";
import { StatusError } from "@crib/errdefs";

import { type Check, type CheckResult, ok, warn } from "../types.ts";

/** Whether the JSON copies of records are as the daemon wrote them: each bears the checksum of its content. */
export const records: Check = {
  name: "records",
  run: async ({ root }) => [
    ...(await judgeCopies(join(root, "sandboxes"), "sandboxes")),
    ...(await judgeCopies(join(root, "containers"), "containers")),
  ],
};

async function judgeCopies(dir: string, noun: string): Promise<readonly CheckResult[]> {
  const copies = openRecordCopies(dir);
  const ids = await copies.list();
  const problems: CheckResult[] = [];
  for (const id of ids) {
    const why = await problemOf(copies, id);
    if (why !== undefined) {
      problems.push(
        warn(
          `${join(dir, id, "record.json")}: ${why}`,
          "nothing is lost: the daemon goes by its database, and writes the copy anew with the next change of state",
        ),
      );
    }
  }
  return problems.length > 0 ? problems : [ok(`copies of ${ids.length} ${noun} are as they were written`)];
}

async function problemOf(copies: ReturnType<typeof openRecordCopies>, id: string): Promise<string | undefined> {
  try {
    const sealed = await copies.read(id);
    if (!sealed || checksum(sealed.record) === sealed.checksum) return undefined;
    return "it was changed by hand: its checksum is that of other content";
  } catch (reason) {
    return StatusError.from(reason).message;
  }
}
