import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RuntimeHandlerSchema } from "@crib/wire/cri";

import type { OfferedHandler, RuntimeHandlers } from "../types.ts";

type CriHandler = MessageInitShape<typeof RuntimeHandlerSchema>;

/** The handlers by name, and the default one once more without a name, as pods without a RuntimeClass find it. */
export function toRuntimeHandlers({ all, defaultName }: RuntimeHandlers): CriHandler[] {
  const named = all.map((offered) => toHandler(offered.handler.name, offered));
  named.sort((a, b) => (a.name < b.name ? -1 : 1));
  const fallback = all.find(({ handler }) => handler.name === defaultName);
  return fallback ? [toHandler("", fallback), ...named] : named;
}

function toHandler(
  name: string,
  { recursiveReadOnlyMounts, userNamespaces }: OfferedHandler,
): CriHandler & { readonly name: string } {
  return { name, features: { recursiveReadOnlyMounts, userNamespaces } };
}
