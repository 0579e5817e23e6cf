import { spawnSync } from "node:child_process";

/** Says why this machine cannot run pods, or undefined when it can: pods take root and the right to make namespaces and mounts. */
export function whyNoPods(): string | undefined {
  if (process.getuid?.() !== 0) return "not root";
  const tried = spawnSync("unshare", ["--net", "--ipc", "--uts", "--pid", "--fork", "--mount", "true"], {
    encoding: "utf8",
  });
  if (tried.status === 0) return undefined;
  return `no namespaces: ${tried.error?.message ?? tried.stderr.trim()}`;
}
