import { Code, StatusError } from "@crib/errdefs";
import type { ControllerDeclaration, NetworkTurn } from "@crib/sandboxer";

/** Asks for a turn by its name. */
const turnAnnotation = "dev.crib/network-turn";
/** With `true`, iSulad's name for "the network first". */
const iSuladAnnotation = "cri.sandbox.network.setup.v2";

const turns: readonly NetworkTurn[] = ["before-create", "before-start", "after-start"];

/**
 * What a controller declares, with the turn of the network that holds for one pod: the pod's own wish, by annotation; else that of its
 * handler; else the controller's. A controller to which the turn means nothing, `parallel`, gives the pod no choice. InvalidArgument for a
 * wish that makes no sense.
 */
export function withNetworkTurn(
  declares: ControllerDeclaration,
  ofHandler: NetworkTurn | undefined,
  annotations: Readonly<Record<string, string>>,
): ControllerDeclaration {
  const asked = askedTurn(annotations);
  const network = (declares.network === "parallel" ? undefined : asked) ?? ofHandler ?? declares.network;
  if (asked !== undefined && network === asked && declares.netns === "controller" && asked !== "after-start") {
    throw new StatusError(
      Code.InvalidArgument,
      `annotation "${turnAnnotation}": "${asked}" is too early: the controller makes the network namespace when it starts`,
    );
  }
  return { ...declares, network };
}

function askedTurn(annotations: Readonly<Record<string, string>>): NetworkTurn | undefined {
  const asked = annotations[turnAnnotation];
  if (asked === undefined) return annotations[iSuladAnnotation] === "true" ? "before-create" : undefined;
  const turn = turns.find((known) => known === asked);
  if (turn !== undefined) return turn;
  throw new StatusError(
    Code.InvalidArgument,
    `annotation "${turnAnnotation}": ${JSON.stringify(asked.slice(0, 100))} is none of ${turns.join(", ")}`,
  );
}
