import { deepEqual, equal, match } from "node:assert/strict";

import { containerFlows, createContainer, createTask } from "@crib/core/containers";

import type { ContainerScene } from "./container-scene.ts";
import { stories, type Story, Subject } from "./container-stories.ts";
import { faultPoints } from "./fault-matrix.ts";

/** All that is done to one step. */
export interface StepCases {
  readonly name: string;
  /** Name of the flow. */
  readonly flow: string;
  /** The faults, as CRIB_FAULTS names them, that strike in the course of it. */
  readonly faults: readonly string[];
  readonly run: (scene: ContainerScene) => Promise<void>;
}

interface StepFaults {
  readonly step: string;
  readonly gentle: readonly string[];
  readonly kills: readonly string[];
}

/** What does not end the daemon. */
const gentleActions = ["fail", "hang"] as const;

function faultsOf(step: string, place: string): StepFaults {
  return {
    step,
    gentle: faultPoints.flatMap((point) => gentleActions.map((action) => `${place}@${point}=${action}*1`)),
    kills: faultPoints.map((point) => `${place}@${point}=kill*1`),
  };
}

/** Each step of each flow over containers that has a story fails, hangs, or the daemon is killed in it: before, inside and after. */
export const stepCases: readonly StepCases[] = containerFlows.flatMap(({ name, steps }) =>
  (stories[name] ?? []).flatMap((story) =>
    steps.map(({ name: step }) => {
      const faults = faultsOf(step, `${name}/${step}`);
      return {
        flow: name,
        name: `${name}, ${step}${story.given === undefined ? "" : `, given ${story.given}`}`,
        faults: [...faults.gentle, ...faults.kills],
        run: (scene: ContainerScene) => strikeStep(scene, { ...faults, story }),
      };
    }),
  ),
);

/** The same for taking back: each step succeeds, then fails, and its undo fails, hangs, or the daemon is killed in it. */
export const undoCases: readonly StepCases[] = [createContainer, createTask].flatMap((flow) =>
  flow.steps
    .filter(({ undo }) => undo !== undefined)
    .map(({ name: step }) => {
      const faults = faultsOf(step, `${flow.name}/${step}!undo`);
      return {
        flow: flow.name,
        name: `undo of ${flow.name}, ${step}`,
        faults: [...faults.gentle, ...faults.kills],
        run: (scene: ContainerScene) =>
          flow === createTask ? strikeTaskUndo(scene, faults) : strikeUndo(scene, faults),
      };
    }),
);

/** The cases that leave the daemon alive strike containers side by side, one each; then comes a kill at each point. */
async function strikeStep(
  scene: ContainerScene,
  { step, story, gentle, kills }: StepFaults & { readonly story: Story },
): Promise<void> {
  const budget = { of: "budgets", step, time: "4s" } as const;
  const given = story.given === undefined ? [] : [story.given];
  await scene.restart({ faults: [...given, ...gentle].join(";"), budget });
  const subjects = gentle.map(() => new Subject(scene));
  await Promise.all(subjects.map((subject) => story.prepare(subject)));
  expectEachOnce(await Promise.all(subjects.map((subject) => failureOf(story.call(subject)))));
  if (story.recovery === "undo") await scene.expectOnlySurvivor();
  else await scene.survivor.expectUnharmed();
  await Promise.all(subjects.map((subject) => story.after(subject, false)));
  await scene.expectOnlySurvivor();

  // A container that is given up with its call can be asked for again, and be struck again.
  let subject = new Subject(scene);
  for (const kill of kills) {
    scene.node.inject([...given, kill].join(";"));
    await story.prepare(subject);
    await scene.killedIn(() => story.call(subject));
    await scene.restart({ budget });
    if (story.recovery === "undo") {
      await scene.expectOnlySurvivor();
      continue;
    }
    await story.after(subject, true);
    await scene.expectOnlySurvivor();
    subject = new Subject(scene);
  }
  if (story.recovery !== "undo") return;
  await story.after(subject, true);
  await scene.expectOnlySurvivor();
}

/** A failed undo keeps the row until the same request tries it again; one in which the daemon is killed is repeated by each next daemon. */
async function strikeUndo(scene: ContainerScene, { step, gentle, kills }: StepFaults): Promise<void> {
  const budget = { of: "undo_budgets", step, time: "4s" } as const;
  const failing = `${createContainer.name}/${step}@after=fail`;
  await scene.restart({ faults: [`${failing}*${gentle.length}`, ...gentle].join(";"), budget });
  const subjects = gentle.map(() => new Subject(scene));
  for (const problem of await Promise.all(subjects.map((subject) => failureOf(subject.create()))))
    match(problem, /injected fault after/);
  const { containers } = await scene.node.cri.runtime.listContainers({});
  equal(containers.length, subjects.length + 1, "each is kept with what stands in its way");
  await Promise.all(subjects.map((subject) => subject.create()));
  await Promise.all(subjects.map(({ container }) => container.remove()));
  await scene.expectOnlySurvivor();

  const subject = new Subject(scene);
  const [first = "", ...others] = kills;
  scene.node.inject(`${failing}*1;${first}`);
  await scene.killedIn(() => subject.create());
  for (const kill of others) {
    // It may be killed before it has said that it is ready.
    await scene.restart({ faults: kill, budget }).then(() => scene.killed(), expectUnready);
  }
  await scene.restart();
  await scene.expectOnlySurvivor();
  await subject.create();
  await subject.container.remove();
  await scene.expectOnlySurvivor();
}

/** The same for a task that was made ahead: the container is there, whatever happens, and can be started. */
async function strikeTaskUndo(scene: ContainerScene, { step, gentle, kills }: StepFaults): Promise<void> {
  const budget = { of: "undo_budgets", step, time: "4s" } as const;
  const failing = `${createTask.name}/${step}@after=fail`;
  const create = async (subject: Subject): Promise<void> => {
    await subject.create();
    await subject.expectAhead();
  };
  const live = async (subject: Subject): Promise<void> => {
    await subject.create();
    await subject.expectCreated();
    await subject.start();
    await subject.expectReady();
    await subject.container.remove();
  };
  await scene.restart({ faults: [`${failing}*${gentle.length}`, ...gentle].join(";"), budget });
  const subjects = gentle.map(() => new Subject(scene));
  for (const problem of await Promise.all(subjects.map((subject) => failureOf(create(subject)))))
    match(problem, /injected fault|budget of 4000 ms/);
  await Promise.all(subjects.map(live));
  await scene.expectOnlySurvivor();

  const subject = new Subject(scene);
  const [first = "", ...others] = kills;
  scene.node.inject(`${failing}*1;${first}`);
  await scene.killedIn(() => create(subject));
  for (const kill of others) await scene.restart({ faults: kill, budget }).then(() => scene.killed(), expectUnready);
  await scene.restart();
  await live(subject);
  await scene.expectOnlySurvivor();
}

function expectUnready(reason: Error): void {
  match(reason.message, /ended with SIGKILL before it was ready/);
}

async function failureOf(call: Promise<void>): Promise<string> {
  return call.then(
    () => "",
    (reason: Error) => reason.message,
  );
}

/** Every call was struck, and every fault struck one. */
function expectEachOnce(problems: readonly string[]): void {
  const kinds = problems.map(
    (problem) => /injected fault (?:before|inside|after)|budget of \d+ ms/.exec(problem)?.[0] ?? problem,
  );
  const expected = faultPoints.flatMap((point) => [`injected fault ${point}`, "budget of 4000 ms"]);
  deepEqual(kinds.toSorted(), expected.toSorted());
}
