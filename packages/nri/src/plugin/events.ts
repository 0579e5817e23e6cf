import { Event } from "@crib/wire/nri";

import type { NriEvent } from "../types.ts";

/** The number of each event on the wire, in their order. */
const numbers = {
  RunPodSandbox: Event.RUN_POD_SANDBOX,
  StopPodSandbox: Event.STOP_POD_SANDBOX,
  RemovePodSandbox: Event.REMOVE_POD_SANDBOX,
  CreateContainer: Event.CREATE_CONTAINER,
  PostCreateContainer: Event.POST_CREATE_CONTAINER,
  StartContainer: Event.START_CONTAINER,
  PostStartContainer: Event.POST_START_CONTAINER,
  UpdateContainer: Event.UPDATE_CONTAINER,
  PostUpdateContainer: Event.POST_UPDATE_CONTAINER,
  StopContainer: Event.STOP_CONTAINER,
  RemoveContainer: Event.REMOVE_CONTAINER,
  UpdatePodSandbox: Event.UPDATE_POD_SANDBOX,
  PostUpdatePodSandbox: Event.POST_UPDATE_POD_SANDBOX,
  ValidateContainerAdjustment: Event.VALIDATE_CONTAINER_ADJUSTMENT,
} as const satisfies Record<NriEvent, Event>;

const names = Object.keys(numbers) as readonly NriEvent[];

/** The mask of every event that a plugin may subscribe to. */
export const allEvents: number = names.reduce((mask, name) => mask | eventBit(name), 0);

/** An event's bit in a subscription mask. */
export function eventBit(event: NriEvent): number {
  return 1 << (numbers[event] - 1);
}

/** An event's number. */
export function eventNumber(event: NriEvent): Event {
  return numbers[event];
}

/** The events of a mask. */
export function eventsOf(mask: number): readonly NriEvent[] {
  return names.filter((name) => (mask & eventBit(name)) !== 0);
}
