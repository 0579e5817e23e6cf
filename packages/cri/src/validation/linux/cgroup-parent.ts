import { checkAbsolutePath } from "../values/absolute-path.ts";
import { checkText } from "../values/text.ts";

const field = "config.linux.cgroup_parent";

/** The pod's parent cgroup: an absolute path without detours, a systemd slice (`name.slice`), or empty. */
export function checkCgroupParent(value: string): string {
  if (value === "") return "";
  if (value.startsWith("/")) return checkAbsolutePath(field, value);
  return checkText(field, value, {
    maxBytes: 255,
    pattern: /^[A-Za-z0-9:_\\-][A-Za-z0-9:_.\\-]*\.slice$/,
    form: "an absolute path or the name of a systemd slice",
  });
}
