import { type Check, fail, ok } from "../types.ts";

/** The first version that runs sources by type stripping and has all that crib uses. */
const oldestMajor = 24;

/** The version of Node. */
export const node: Check = {
  name: "node",
  run() {
    const { node: version } = process.versions;
    if (Number(version.split(".")[0]) >= oldestMajor) return [ok(`Node ${version}`)];
    return [fail(`Node ${version}`, `install Node ${oldestMajor} or newer; scripts/setup does`)];
  },
};
