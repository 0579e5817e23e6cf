import { answersAt } from "@crib/grpc/private-socket";

/** Whether somebody accepts connections at a unix socket, given as `unix:///path` or as the path alone. */
export function isServed(address: string): Promise<boolean> {
  return answersAt(address.replace(/^unix:(?:\/\/)?/, ""));
}
