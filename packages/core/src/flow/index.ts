export { Budget, waitFor } from "./budget.ts";
export { type FaultPoint, type Faults, noFaults, parseFaults } from "./faults.ts";
export { flow } from "./flow.ts";
export { createFlowRows, type FlowRow, type FlowRows, type FlowRowsOptions } from "./flow-rows.ts";
export { resolveGraph } from "./graph.ts";
export { createRetries, type Retries } from "./retries.ts";
export { type Owner, RowOwners, waitUntilFree } from "./row-owners.ts";
export { FlowFailure, runFlow, type RunOptions, undoFlow, type UndoFailure } from "./run-flow.ts";
export type { Flow, FlowRun, Recover, Step, StepContext, StepTiming } from "./types.ts";
