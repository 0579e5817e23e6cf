import type { ContainerSecurity } from "@crib/core/containers";
import type { Capability } from "@crib/wire/cri";

import { checkCount, checkText } from "../values/text.ts";

const field = "config.linux.security_context.capabilities";
const rule = {
  maxBytes: 64,
  pattern: /^(?:[Cc][Aa][Pp]_)?[A-Za-z]+(?:_[A-Za-z]+)*$/,
  form: "the name of a capability",
};

/** The capabilities to add and to drop, in upper case, with or without `CAP_` as they were given; `ALL` among them. */
export function checkCapabilities(capabilities: Capability | undefined): ContainerSecurity["capabilities"] {
  return {
    add: checkNames("add_capabilities", capabilities?.addCapabilities),
    drop: checkNames("drop_capabilities", capabilities?.dropCapabilities),
    addAmbient: checkNames("add_ambient_capabilities", capabilities?.addAmbientCapabilities),
  };
}

function checkNames(name: string, values: readonly string[] = []): string[] {
  checkCount(`${field}.${name}`, values.length, 256);
  return values.map((value, index) => checkText(`${field}.${name}[${index}]`, value, rule).toUpperCase());
}
