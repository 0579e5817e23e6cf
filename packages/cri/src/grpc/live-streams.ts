import { Code, StatusError } from "@crib/errdefs";

/** The streams that are open, so that a server that closes can end them: some have no end of their own. */
export interface LiveStreams {
  /** Counts a stream in; the function given counts it out. */
  enter(controller: AbortController): () => void;
  /** Ends all streams with Unavailable, and every later one at once. */
  endAll(): void;
}

export function createLiveStreams(): LiveStreams {
  const live = new Set<AbortController>();
  let closed = false;
  const end = (controller: AbortController): void => {
    controller.abort(new StatusError(Code.Unavailable, "crib is shutting down"));
  };
  return {
    enter(controller): () => void {
      live.add(controller);
      if (closed) end(controller);
      return () => void live.delete(controller);
    },
    endAll(): void {
      closed = true;
      for (const controller of live) end(controller);
    },
  };
}
