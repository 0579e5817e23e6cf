import type { RuntimeHandler } from "@crib/core/sandbox";
import type { BrokenHandler, OfferedHandler, RuntimeHandlers } from "@crib/cri";

import { findFault, findWarning } from "./find-fault.ts";
import { describeHandler } from "./runtime-features.ts";

/** A handler that pods can run with. */
interface UsableHandler extends OfferedHandler {
  /** What an operator should know of it all the same. */
  readonly warning?: string;
}

/** A handler as it was found to be: usable, with what its pods can have, or broken, with the reason. */
export type JudgedHandler = UsableHandler | BrokenHandler;

/** Looks whether pods can run with a handler, where these controllers exist, and what they can have. */
export async function judgeHandler(handler: RuntimeHandler, controllers: readonly string[]): Promise<JudgedHandler> {
  const reason = await findFault(handler, controllers);
  if (reason !== undefined) return { handler, reason };
  const [offered, warning] = await Promise.all([describeHandler(handler), findWarning(handler)]);
  return { ...offered, ...(warning !== undefined && { warning }) };
}

/**
 * The runtime handlers of a daemon: the one place that knows which there are and which of them can be used. It is asked at each
 * request, so that what a reload changes takes effect with the next one; a pod keeps the handler of its plan.
 */
export class HandlerRegistry implements RuntimeHandlers {
  readonly defaultName: string;
  /** Every handler by name, broken ones too. */
  readonly handlers: ReadonlyMap<string, RuntimeHandler>;
  /** The names of all. */
  readonly names: ReadonlySet<string>;
  readonly #names = new Set<string>();
  readonly #handlers = new Map<string, RuntimeHandler>();
  readonly #judged = new Map<string, JudgedHandler>();

  constructor(defaultName: string) {
    this.defaultName = defaultName;
    this.handlers = this.#handlers;
    this.names = this.#names;
  }

  get all(): readonly OfferedHandler[] {
    return [...this.#judged.values()].filter((judged): judged is OfferedHandler => !isBroken(judged));
  }

  get broken(): readonly BrokenHandler[] {
    return [...this.#judged.values()].filter(isBroken);
  }

  /** Why no pod can run with the handler of that name; undefined for one that is usable or not there. */
  whyBroken(name: string): string | undefined {
    const judged = this.#judged.get(name);
    return judged && isBroken(judged) ? judged.reason : undefined;
  }

  set(judged: JudgedHandler): void {
    this.#names.add(judged.handler.name);
    const { handler } = judged;
    this.#handlers.set(handler.name, handler);
    this.#judged.set(handler.name, judged);
  }

  delete(name: string): void {
    this.#names.delete(name);
    this.#handlers.delete(name);
    this.#judged.delete(name);
  }
}

function isBroken(judged: JudgedHandler): judged is BrokenHandler {
  return "reason" in judged;
}
