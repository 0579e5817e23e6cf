import { readdir, readFile } from "node:fs/promises";

/**
 * Processes that have a text in their arguments, their environment or the path of their cgroup, but this one. The command
 * is as `ps` would show it.
 */
export async function processesNaming(
  text: string,
): Promise<readonly { readonly pid: number; readonly command: string }[]> {
  const found: { pid: number; command: string }[] = [];
  for (const name of await readdir("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const files = await Promise.all(
      ["cmdline", "environ", "cgroup"].map((file) => readFile(`/proc/${pid}/${file}`, "latin1").catch(() => "")),
    );
    const [command = ""] = files;
    if (command === "") continue; // a zombie holds nothing any more
    if (files.some((file) => file.includes(text))) found.push({ pid, command: command.replaceAll("\0", " ").trim() });
  }
  return found;
}
