import { create } from "@bufbuild/protobuf";
import { type Hooks, HooksSchema } from "@crib/wire/nri";

/** Both sets of hooks, those of `more` after the others of their kind. */
export function mergeHooks(hooks: Hooks | undefined, more: Hooks): Hooks {
  return create(HooksSchema, {
    prestart: [...(hooks?.prestart ?? []), ...more.prestart],
    createRuntime: [...(hooks?.createRuntime ?? []), ...more.createRuntime],
    createContainer: [...(hooks?.createContainer ?? []), ...more.createContainer],
    startContainer: [...(hooks?.startContainer ?? []), ...more.startContainer],
    poststart: [...(hooks?.poststart ?? []), ...more.poststart],
    poststop: [...(hooks?.poststop ?? []), ...more.poststop],
  });
}

/** Whether there is any. */
export function hasHooks(hooks: Hooks | undefined): hooks is Hooks {
  if (hooks === undefined) return false;
  const { prestart, createRuntime, createContainer, startContainer, poststart, poststop } = hooks;
  return [prestart, createRuntime, createContainer, startContainer, poststart, poststop].some((of) => of.length > 0);
}
