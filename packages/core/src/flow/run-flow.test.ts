import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { flow, FlowFailure, noFaults, parseFaults, runFlow, type RunOptions, type Step, undoFlow } from "./index.ts";

interface Facts {
  readonly a: number;
  readonly b: number;
}
type Plan = { readonly order: "early" | "late" };
type TestStep = Step<string[], Plan, Facts>;

function options(
  log: string[],
  extra: Partial<RunOptions<string[], Plan, Facts>> = {},
): RunOptions<string[], Plan, Facts> {
  return {
    id: "id",
    deps: log,
    plan: { order: "early" },
    facts: {},
    commit: () => {},
    timed: () => {},
    faults: noFaults,
    budgets: { do: {}, undo: {} },
    endStrays: async () => {},
    ...extra,
  };
}

function logged(name: string, more: Partial<TestStep> = {}): TestStep {
  return {
    name,
    do: async ({ deps }) => {
      deps.push(`+${name}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      deps.push(`-${name}`);
    },
    undo: async ({ deps }) => {
      deps.push(`undo ${name}`);
    },
    ...more,
  };
}

const never = new AbortController().signal;

test("independent steps run at the same time, dependent ones after", async () => {
  const log: string[] = [];
  const subject = flow("F", { recover: "undo" }, [logged("a"), logged("b"), logged("c", { after: ["a", "b"] })]);
  await runFlow(subject, options(log), never);
  deepEqual(log, ["+a", "+b", "-a", "-b", "+c", "-c"]);
});

test("a step that does not apply passes on what it waits for", async () => {
  const log: string[] = [];
  const subject = flow("F", { recover: "undo" }, [
    logged("a"),
    logged("b", { after: ["a"], when: () => false }),
    logged("c", { after: ["b"] }),
  ]);
  await runFlow(subject, options(log), never);
  deepEqual(log, ["+a", "-a", "+c", "-c"]);
});

test("a failure aborts the siblings, waits for them, and starts nothing new", async () => {
  const log: string[] = [];
  const slow = logged("slow", {
    do: async ({ deps, signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => setTimeout(resolve, 20)));
      deps.push("slow settled");
    },
  });
  const bad = logged("bad", { do: () => Promise.reject(new StatusError(Code.Internal, "boom")) });
  const subject = flow("F", { recover: "undo" }, [slow, bad, logged("after", { after: ["slow"] })]);
  const failure = await runFlow(subject, options(log), never).then(
    () => undefined,
    (reason: unknown) => reason as FlowFailure,
  );
  ok(failure instanceof FlowFailure);
  equal(failure.step, "bad");
  equal(failure.error.code, Code.Internal);
  deepEqual([...failure.begun].toSorted(), ["bad", "slow"]);
  deepEqual(log, ["slow settled"]);
});

test("a step over its budget fails with DeadlineExceeded that names step and budget", async () => {
  const hang = logged("hang", {
    budgetMs: 20,
    do: ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
  });
  await rejects(runFlow(flow("F", { recover: "undo" }, [hang]), options([]), never), (failure: FlowFailure) => {
    equal(failure.error.code, Code.DeadlineExceeded);
    ok(
      failure.error.message.includes('step "hang" of F') && failure.error.message.includes("20 ms"),
      failure.error.message,
    );
    return true;
  });
});

test("a configured budget goes before the step's own", async () => {
  const hang = logged("hang", {
    do: ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
  });
  const began = performance.now();
  await rejects(
    runFlow(flow("F", { recover: "undo" }, [hang]), options([], { budgets: { do: { hang: 30 }, undo: {} } }), never),
  );
  ok(performance.now() - began < 5_000);
});

test("facts are committed when a step ends and seen by the next", async () => {
  const committed: Partial<Facts>[] = [];
  const seen: unknown[] = [];
  const subject = flow<string[], Plan, Facts>("F", { recover: "undo" }, [
    { name: "a", do: async () => ({ a: 1 }) },
    { name: "b", after: ["a"], do: async ({ facts }) => void seen.push(facts.a) },
  ]);
  await runFlow(subject, options([], { commit: (facts) => committed.push(facts) }), never);
  deepEqual(committed, [{ a: 1 }]);
  deepEqual(seen, [1]);
});

test("undo goes backwards along the graph and only over what had begun", async () => {
  const log: string[] = [];
  const subject = flow("F", { recover: "undo" }, [
    logged("a"),
    logged("b", { after: ["a"] }),
    logged("c", { after: ["b"] }),
    logged("d"),
  ]);
  deepEqual(await undoFlow(subject, options(log), new Set(["a", "b"])), []);
  deepEqual(log, ["undo b", "undo a"]);
});

test("a failed undo blocks only what its step stood on", async () => {
  const log: string[] = [];
  const subject = flow("F", { recover: "undo" }, [
    logged("base"),
    logged("stuck", {
      after: ["base"],
      undo: () => Promise.reject(new StatusError(Code.Unavailable, "plugin is away")),
    }),
    logged("other"),
    logged("leaf", { after: ["other"] }),
  ]);
  const failures = await undoFlow(subject, options(log));
  deepEqual(
    failures.map(({ step, error }) => [step, error.code]),
    [["stuck", Code.Unavailable]],
  );
  deepEqual(log, ["undo leaf", "undo other"]);
});

test("the order may depend on the plan", async () => {
  const subject = flow<string[], Plan, Facts>("F", { recover: "undo" }, [
    logged("net", { after: (plan) => (plan.order === "late" ? ["box"] : []) }),
    logged("box", { after: (plan) => (plan.order === "early" ? ["net"] : []) }),
  ]);
  const early: string[] = [];
  await runFlow(subject, options(early), never);
  deepEqual(early, ["+net", "-net", "+box", "-box"]);
  const late: string[] = [];
  await runFlow(subject, options(late, { plan: { order: "late" } }), never);
  deepEqual(late, ["+box", "-box", "+net", "-net"]);
});

test("a flow with a circle, a double name or an unknown predecessor does not load", async () => {
  await rejects(async () => flow("F", { recover: "undo" }, [logged("a"), logged("a")]), TypeError);
  await rejects(async () => flow("F", { recover: "undo" }, [logged("a", { after: ["z"] })]), TypeError);
  const circle = flow<string[], Plan, Facts>("F", { recover: "undo" }, [
    logged("a", { after: () => ["b"] }),
    logged("b", { after: ["a"] }),
  ]);
  await rejects(runFlow(circle, options([]), never), TypeError);
});

test("faults strike by name, point and count", async () => {
  const log: string[] = [];
  const step = logged("a", {
    do: async ({ deps, midpoint }) => {
      deps.push("half");
      await midpoint();
      deps.push("whole");
    },
  });
  const subject = flow("F", { recover: "undo" }, [step]);
  const faults = parseFaults("F/a@inside=fail*1;F/a!undo@before=fail*1");
  await rejects(runFlow(subject, options(log, { faults }), never), FlowFailure);
  deepEqual(log, ["half"]);
  equal((await undoFlow(subject, options(log, { faults }))).length, 1);
  equal((await undoFlow(subject, options(log, { faults }))).length, 0);
  await runFlow(subject, options(log, { faults }), never);
  deepEqual(log, ["half", "undo a", "half", "whole"]);
});

test("of several faults for one place the next strikes when the one before is used up", async () => {
  const { signal } = new AbortController();
  const faults = parseFaults("F/a@before=fail*2;F/a@before=hang*1");
  for (let time = 0; time < 2; time++) await rejects(faults.strike("F/a", "before", signal), /injected fault/);
  await rejects(faults.strike("F/a", "before", AbortSignal.abort(new Error("late"))), /late/);
  await faults.strike("F/a", "before", signal);
});

test("what is held goes on when it is told to, or ends with its budget", async () => {
  const faults = parseFaults("F/a@before=hold*2;F/a@after=hold*1");
  // Node's runner has processes of tests write a report into the working directory at this signal.
  process.report.reportOnSignal = false;
  const others = process.listenerCount("SIGUSR2");
  const strikes = (["before", "before", "after"] as const).map((point) => faults.strike("F/a", point, never));
  await faults.strike("F/a", "before", never);
  process.emit("SIGUSR2");
  await Promise.all(strikes);
  equal(process.listenerCount("SIGUSR2"), others);

  const again = parseFaults("F/a@inside=hold");
  await rejects(again.strike("F/a", "inside", AbortSignal.timeout(20)));
  const next = again.strike("F/a", "inside", never);
  process.emit("SIGUSR2");
  await next;
});

test("a hanging fault ends with the step's budget", async () => {
  const subject = flow("F", { recover: "undo" }, [logged("a", { budgetMs: 20 })]);
  await rejects(
    runFlow(subject, options([], { faults: parseFaults("F/a@before=hang") }), never),
    (failure: FlowFailure) => failure.error.code === Code.DeadlineExceeded,
  );
});

test("a malformed fault is refused", () => {
  for (const text of ["x", "F/a=kill", "F/a@inside=explode", "F/a@inside=fail*0", "F/a@between=fail"]) {
    try {
      parseFaults(text);
    } catch (reason) {
      equal((reason as StatusError).code, Code.InvalidArgument);
      continue;
    }
    ok(false, `accepted ${text}`);
  }
});

test("a step that ignores its signal loses its processes before it is given up", { timeout: 30_000 }, async () => {
  let release: () => void = () => {};
  const stuck = logged("stuck", { budgetMs: 10, do: () => new Promise<void>((resolve) => (release = resolve)) });
  let ended = 0;
  const endStrays = async (): Promise<void> => {
    ended++;
    release();
  };
  // The work settles once its processes are dead; it counts as done, since nothing says it failed.
  await runFlow(flow("F", { recover: "undo" }, [stuck]), options([], { endStrays }), never);
  equal(ended, 1);
});

test("faults of a file are those of the file that is there", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "crib-faults-"));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, "faults");
  const put = async (text: string): Promise<void> => {
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  };
  const { signal } = new AbortController();
  const faults = parseFaults(`file:${path}`);
  await rejects(faults.strike("F/a", "before", signal), { code: "ENOENT" });
  await put("F/a@before=fail*1");
  await rejects(faults.strike("F/a", "before", signal), /injected fault/);
  await faults.strike("F/a", "before", signal);
  await put("F/a@before=fail*1");
  await rejects(faults.strike("F/a", "before", signal), /injected fault/);
  await put("F/a@before=fall");
  await rejects(faults.strike("F/a", "before", signal), { code: Code.InvalidArgument });
  await put("");
  await faults.strike("F/a", "before", signal);
});
