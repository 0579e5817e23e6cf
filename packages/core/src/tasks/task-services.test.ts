import { equal, notEqual, rejects } from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as tick } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";
import type { SandboxController, TaskEndpoint } from "@crib/sandboxer";

import { createTaskServices, type TaskDialer, type TaskLink, type TaskServicesOptions } from "./task-services.ts";
import type { TaskClient, TaskServices } from "./types.ts";

const endpoint: TaskEndpoint = { protocol: "ttrpc", address: "unix:///run/none.sock", version: 3 };

/** A link that a test can lose. */
class FakeLink implements TaskLink {
  readonly process = { pid: 1, startTime: 1 };
  readonly tasks = {} as TaskClient;
  readonly closed: Promise<StatusError>;
  readonly lose: () => void;
  isClosed = false;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<StatusError>();
    this.closed = promise;
    this.lose = () => resolve(new StatusError(Code.Unavailable, "lost"));
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.lose();
  }
}

interface Scene {
  readonly services: TaskServices;
  readonly links: FakeLink[];
  readonly asked: string[];
}

function scene(options: Partial<TaskServicesOptions> = {}, before: () => Promise<void> = async () => {}): Scene {
  const links: FakeLink[] = [];
  const asked: string[] = [];
  const dial: TaskDialer = async () => {
    await before();
    const link = new FakeLink();
    links.push(link);
    return link;
  };
  const controller = {
    endpoint: async (id: string): Promise<TaskEndpoint> => {
      asked.push(id);
      return endpoint;
    },
  };
  return { services: createTaskServices({ controllerOf: () => controller, dial, ...options }), links, asked };
}

const never = new AbortController().signal;
const hang = (): Promise<never> => new Promise(() => {});

test("callers at the same time and later ones share one connection of their pod", async () => {
  const { services, links, asked } = scene();
  const [first, second] = await Promise.all([services.of("a", never), services.of("a", never)]);
  equal(first, second);
  equal(await services.of("a", never), first);
  notEqual(await services.of("b", never), first);
  equal(links.length, 2);
  equal(asked.join(), "a,b");
});

test("a lost connection is made anew, and the loss is told", async () => {
  const { services, links } = scene();
  const first = await services.of("a", never);
  links[0]?.lose();
  equal((await first.closed).code, Code.Unavailable);
  await tick();
  notEqual(await services.of("a", never), first);
  equal(links.length, 2);
});

test("a caller that leaves does not take the connection from those who wait", async () => {
  const opened = Promise.withResolvers<void>();
  const { services, links } = scene({}, () => opened.promise);
  const impatient = new AbortController();
  const left = services.of("a", impatient.signal);
  const staying = services.of("a", never);
  impatient.abort();
  await rejects(left, { code: Code.Canceled });
  opened.resolve();
  equal((await staying).sandboxId, "a");
  equal(links.length, 1);
});

test("a shim that dies between the answer and the dial is asked for again, but not for ever", async () => {
  let failures = 2;
  const gone = async (): Promise<void> => {
    if (failures-- > 0) throw new StatusError(Code.NotFound, "nobody listens");
  };
  const { services, asked } = scene({}, gone);
  await services.of("a", never);
  equal(asked.length, 3);
  failures = 3;
  await rejects(services.of("b", never), { code: Code.NotFound, message: /sandbox "b".*nobody listens/ });
  await services.of("b", never); // a failure is not remembered
});

test("nobody at the address of remote tasks, or the death of who served them, is no end of theirs", async () => {
  const declares = { netns: "crib", network: "parallel", localTasks: false } as const;
  const remote = { endpoint: async () => endpoint, declares };
  const gone = async (): Promise<void> => {
    throw new StatusError(Code.NotFound, "nobody listens");
  };
  const absent = scene({ controllerOf: () => remote }, gone);
  await rejects(absent.services.of("a", never), { code: Code.Unavailable, message: /nobody listens/ });
  equal((await scene({ controllerOf: () => remote }).services.of("a", never)).process, undefined);
  equal((await scene().services.of("a", never)).process?.pid, 1);
});

test("a controller that wants to know of tasks is told by whoever calls the service", async () => {
  const told: string[] = [];
  const tasks = { removeProcess: async (...words: unknown[]) => void told.push(words.slice(0, 3).join(" ")) };
  const controller = { endpoint: async () => endpoint, tasks } as unknown as SandboxController;
  const { services, links } = scene({ controllerOf: () => controller });
  const service = await services.of("a", never);
  Object.assign(links[0]?.tasks ?? {}, { delete: async () => ({}) });
  await service.tasks.delete("c", "e", never);
  equal(told.join(), "a c e");
});

test("a controller that hangs, or has no such pod, is an error of the call", async () => {
  const hung = createTaskServices({ controllerOf: () => ({ endpoint: hang }), openMs: 20 });
  await rejects(hung.of("a", never), { code: Code.DeadlineExceeded, message: /sandbox "a"/ });
  const controllerOf = (): never => {
    throw new StatusError(Code.NotFound, "no such sandbox");
  };
  await rejects(createTaskServices({ controllerOf }).of("a", never), { code: Code.NotFound });
});

test("an endpoint whose address cannot be read is InvalidArgument", async () => {
  const odd: TaskEndpoint = { protocol: "grpc", address: "tcp://10.0.0.1:1024", version: 3 };
  const services = createTaskServices({ controllerOf: () => ({ endpoint: async () => odd }) });
  await rejects(services.of("a", never), { code: Code.InvalidArgument });
});

test("forget closes the connection, or the dial that is under way, and the pod can be asked for again", async () => {
  const opened = Promise.withResolvers<void>();
  const { services, links } = scene({}, () => opened.promise);
  const dialing = services.of("a", never);
  await tick(); // past the controller
  services.forget("a");
  opened.resolve();
  await rejects(dialing, { code: Code.Canceled });
  equal(links[0]?.isClosed, true);
  await services.of("a", never);
  services.forget("a");
  equal(links[1]?.isClosed, true);
  services.forget("unknown");
});

test("close closes all of them and ends the service", async () => {
  const { services, links } = scene();
  await Promise.all(["a", "b"].map((id) => services.of(id, never)));
  services.close();
  equal(links.map(({ isClosed }) => isClosed).join(), "true,true");
  await rejects(services.of("a", never), { code: Code.Canceled });
});
