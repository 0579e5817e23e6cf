import { test } from "node:test";

import { needsRoot } from "../support/needs-root.ts";
import { startContractScene } from "./nri-contract/contract-scene.ts";
import { whatPluginsAnswer } from "./nri-contract/what-plugins-answer.ts";
import { whatPluginsAreTold } from "./nri-contract/what-plugins-are-told.ts";
import { whatPluginsSee } from "./nri-contract/what-plugins-see.ts";

// What cri-tools' specs of NRI check of a runtime, and what plugins rely on beside that, on one node. tests/node/nri-plugins.test.ts has the rest.

test("the contract of NRI", needsRoot, async (t) => {
  const contract = await startContractScene(t);
  await whatPluginsSee(contract);
  await whatPluginsAreTold(contract);
  await whatPluginsAnswer(contract);
});
