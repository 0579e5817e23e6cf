/**
 * The cgroup of a pod below the parent that the kubelet names. The name of a systemd slice (`a-b.slice`) stands for the nested path that systemd makes of
 * it (systemd.slice(5)); a slice that is given with its path needs no expansion.
 */
export function podCgroupPath(parent: string, id: string): string {
  const path =
    parent.endsWith(".slice") && parent.lastIndexOf("/") <= 0 ? expandSlice(parent.replace("/", "")) : parent;
  const above = path.replaceAll(/^\/+|\/+$/g, "");
  return `${above === "" ? "" : `/${above}`}/crib-${id}`;
}

function expandSlice(slice: string): string {
  if (slice === "-.slice") return "";
  const parts = slice.slice(0, -".slice".length).split("-");
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("-")}.slice`).join("");
}
