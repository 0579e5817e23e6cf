import { checkText } from "../values/text.ts";

/** HOST_NAME_MAX of Linux; the kubelet cuts what is longer before it asks. */
const maxBytes = 64;

/** A hostname, or empty for the default. */
export function checkHostname(value: string): string {
  return checkText("config.hostname", value, {
    maxBytes,
    pattern: /^(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?)?$/,
    form: "letters, digits, dots, hyphens and underscores",
  });
}
