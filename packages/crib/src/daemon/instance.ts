import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { newInstance } from "@crib/core/sandbox";
import { Code, StatusError } from "@crib/errdefs";

/** The instance id of a root directory, made at the first start: the ending of every id that this crib gives. */
export async function loadInstance(root: string): Promise<string> {
  const path = join(root, "instance");
  try {
    const text = (await readFile(path, "utf8")).trim();
    if (/^[0-9a-f]{8}$/.test(text)) return text;
    throw new StatusError(
      Code.DataLoss,
      `reading "${path}": expected 8 hexadecimal digits, found "${text.slice(0, 40)}"`,
    );
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code !== "ENOENT") throw reason;
  }
  const instance = newInstance();
  await writeFile(`${path}.new`, `${instance}\n`, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
  return instance;
}
