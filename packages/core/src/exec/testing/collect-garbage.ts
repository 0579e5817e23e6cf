import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Collects garbage, whatever Node was started with: memory that is in use is then what is kept. */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  // What the first has found is given back, and not counted any more, when the next begins.
  collect();
}
