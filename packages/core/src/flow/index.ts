export { Budget, waitFor } from "./budget.ts";
export { type FaultPoint, type Faults, noFaults, parseFaults } from "./faults.ts";
export { flow } from "./flow.ts";
export { resolveGraph } from "./graph.ts";
export { FlowFailure, runFlow, type RunOptions, undoFlow, type UndoFailure } from "./run-flow.ts";
export type { Flow, FlowRun, Recover, Step, StepContext, StepTiming } from "./types.ts";
