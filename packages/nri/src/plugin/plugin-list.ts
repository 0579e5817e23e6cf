import type { NriEvent } from "../types.ts";
import type { Plugin } from "./plugin.ts";

/** The plugins that take events, in the order of calls. A plugin that is closed leaves by itself. */
export class PluginList {
  /** Replaced, never changed: a round of calls goes on with the list it began with. */
  #plugins: readonly Plugin[] = [];

  /** Those that have joined, by index; of equal index, who came first. */
  get all(): readonly Plugin[] {
    return this.#plugins;
  }

  add(plugin: Plugin): void {
    this.#plugins = [...this.#plugins, plugin].toSorted((a, b) => (a.index < b.index ? -1 : Number(a.index > b.index)));
    void this.#removeWhenClosed(plugin);
  }

  async #removeWhenClosed(plugin: Plugin): Promise<void> {
    await plugin.closed;
    this.#plugins = this.#plugins.filter((other) => other !== plugin);
  }

  /** Those that an event is for. */
  for(event: NriEvent): readonly Plugin[] {
    return this.#plugins.filter((plugin) => plugin.wants(event));
  }

  wants(event: NriEvent): boolean {
    return this.#plugins.some((plugin) => plugin.wants(event));
  }
}
