import type { PluginHooks } from "./types.ts";

const nothing = Promise.resolve();
const noUpdates = Promise.resolve([]);
const left = Promise.resolve((): void => {});

/** The hooks of a daemon without NRI: every call is settled already and changes nothing. */
export const noPlugins: PluginHooks = {
  enter: () => left,
  runPodSandbox: () => nothing,
  updatePodSandbox: () => nothing,
  postUpdatePodSandbox: () => nothing,
  stopPodSandbox: () => nothing,
  removePodSandbox: () => nothing,
  createContainer: (_sandbox, _container, spec) => Promise.resolve({ spec, updates: [] }),
  postCreateContainer: () => nothing,
  startContainer: () => nothing,
  postStartContainer: () => nothing,
  updateContainer: (_sandbox, _container, resources) => Promise.resolve({ resources, updates: [] }),
  postUpdateContainer: () => nothing,
  stopContainer: () => noUpdates,
  removeContainer: () => nothing,
};
