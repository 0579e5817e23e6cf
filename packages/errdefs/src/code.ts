/** The status codes of gRPC, with gRPC's numbers (https://grpc.io/docs/guides/status-codes/). */
export const Code = {
  OK: 0,
  Canceled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  AlreadyExists: 6,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const;

/** One of the numbers of `Code`. */
export type Code = (typeof Code)[keyof typeof Code];

const names = new Map<number, string>(Object.entries(Code).map(([name, code]) => [code, name]));

/** The name of a code, such as `NotFound`; `Unknown` for a number that is none of them. */
export function codeName(code: number): string {
  return names.get(code) ?? "Unknown";
}

/** Reads a number from a wire; anything that is no code becomes `Unknown`. */
export function toCode(value: number): Code {
  return names.has(value) ? (value as Code) : Code.Unknown;
}
