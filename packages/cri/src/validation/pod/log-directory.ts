import { checkAbsolutePath } from "../values/absolute-path.ts";

/** The directory for container logs: absolute and without detours, or empty. */
export function checkLogDirectory(value: string): string {
  return value === "" ? "" : checkAbsolutePath("config.log_directory", value);
}
