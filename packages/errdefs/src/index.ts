export { Code, codeName, toCode } from "./code.ts";
export { hasCode, StatusError } from "./status-error.ts";
