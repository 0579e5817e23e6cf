import type { EndpointOptions } from "./endpoint.ts";
export async function inspectCommand(_pod: string, _options: EndpointOptions): Promise<void> {}
