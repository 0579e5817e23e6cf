import type { TestContext, TestOptions } from "node:test";

import type { Sandbox, SandboxController } from "../../types.ts";

/** One controller with the host around it, as the suite needs it. */
export interface ControllerFixture extends AsyncDisposable {
  readonly controller: SandboxController;
  /** A sandbox with an id of its own, whose namespaces and directories exist. */
  sandbox(): Promise<Sandbox>;
  /**
   * The controller of the next daemon over the same state. What the former held in memory is gone; what it started
   * runs on. The fixture's `controller` is that one from now on.
   */
  restart(): Promise<SandboxController>;
  /** Takes the boundary away as if something outside had, and leaves the controller to notice. */
  destroyBoundary(sandbox: Sandbox): Promise<void>;
  /**
   * Everything on the host that belongs to a sandbox and that `shutdown` must have removed, found without the
   * controller's code.
   */
  leftovers(sandbox: Sandbox): Promise<readonly string[]>;
  /** The process that the controller asks for this sandbox, where there is one. */
  readonly peer?: ControllerPeer;
}

/** The shim or sandboxer behind a controller. */
export interface ControllerPeer {
  /** Kills it, and nothing else; settles once it is gone. */
  kill(sandbox: Sandbox): Promise<void>;
  /** Starts it again, where the controller does not: until then nobody can end its sandboxes. */
  revive?(): Promise<void>;
  /** Stops it as SIGSTOP does; disposing of the answer lets a peer that is still there go on. */
  freeze(sandbox: Sandbox): Promise<Disposable>;
}

/** What the suite has to know of an implementation. */
export interface ControllerSuiteOptions extends TestOptions {
  /** Whether the boundary has a process, so that it can end by itself. */
  readonly hasProcess: boolean;
  /** What becomes of a ready sandbox whose peer was killed. Absent: the fixture has no peer, and nothing is tested that needs one. */
  readonly withoutPeer?: "exited" | "pending";
}

/** Makes a test of one promise: each gets a fixture of its own. */
export type Promising = (name: string, body: (fixture: ControllerFixture, t: TestContext) => Promise<void>) => void;

/** What the boundary is given to end by itself. */
export const grace = { graceMs: 1_000 };
