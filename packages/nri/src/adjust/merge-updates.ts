import { create } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import { type ContainerUpdate, ContainerUpdateSchema, type LinuxResources } from "@crib/wire/nri";

import { FieldOwners } from "./field-owners.ts";
import { overlayResources, resourceClaims } from "./merge-resources.ts";

interface MergedUpdate {
  readonly owners: FieldOwners;
  resources: LinuxResources | undefined;
  ignoreFailure: boolean;
}

/** What all plugins so far want changed of containers other than the one an event is of, or of that one, too. */
export class UpdateMerge {
  readonly #updates = new Map<string, MergedUpdate>();
  readonly #creating: string | undefined;

  /** `creating` is the id of the container that is being created: it can be adjusted, not updated. */
  constructor(creating?: string) {
    this.#creating = creating;
  }

  /** Adds what one plugin wants; it was checked for its form. Throws FailedPrecondition on a conflict that it does not ignore. */
  apply(plugin: string, updates: readonly ContainerUpdate[]): void {
    for (const update of updates) this.#applyOne(plugin, update);
  }

  #applyOne(plugin: string, { containerId, linux, ignoreFailure }: ContainerUpdate): void {
    if (containerId === this.#creating) {
      throw new StatusError(
        Code.FailedPrecondition,
        `plugin "${plugin}" asks for an update of container "${containerId}", which is being created`,
      );
    }
    const resources = linux?.resources;
    if (resources === undefined) return;
    const merged = this.#updates.get(containerId) ?? {
      owners: new FieldOwners(containerId),
      resources: undefined,
      ignoreFailure: true,
    };
    const claims = resourceClaims(resources);
    try {
      // All before any, so that an update is merged whole or not at all.
      for (const claim of claims) merged.owners.check(plugin, claim);
      for (const claim of claims) merged.owners.claim(plugin, claim);
    } catch (error) {
      if (ignoreFailure) return;
      throw error;
    }
    merged.resources = overlayResources(merged.resources, resources);
    merged.ignoreFailure &&= ignoreFailure;
    this.#updates.set(containerId, merged);
  }

  /** What is to be set on one container; undefined where nobody wants anything. */
  resourcesOf(containerId: string): LinuxResources | undefined {
    return this.#updates.get(containerId)?.resources;
  }

  /** One update for each container, but for `except`. */
  result(except?: string): readonly ContainerUpdate[] {
    return [...this.#updates]
      .filter(([containerId]) => containerId !== except)
      .map(([containerId, { resources, ignoreFailure }]) =>
        create(ContainerUpdateSchema, { containerId, ...(resources && { linux: { resources } }), ignoreFailure }),
      );
  }
}
