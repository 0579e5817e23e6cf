import { codeAddress, program64 } from "./system-call.ts";

/**
 * A program that connects to a socket of the local domain and leaves with the errno, or 0 when it could. A name that begins with a NUL
 * is an abstract one, unix(7). Needs no library and nothing else of its container; for x86-64.
 */
export function connectProgram(name: string): Buffer {
  const isAbstract = name.startsWith("\0");
  const address = Buffer.concat([Buffer.from([1, 0]), Buffer.from(isAbstract ? name : `${name}\0`)]);
  const end = [
    [0x31, 0xff, 0x85, 0xc0, 0x79, 0x04], // xor edi, edi; test eax, eax; jns over the next
    [0xf7, 0xd8, 0x89, 0xc7], // neg eax; mov edi, eax
    [0xb8, ...int32(60), 0x0f, 0x05], // exit
  ].flat();
  const open = [
    [0xbf, ...int32(1), 0xbe, ...int32(1), 0x31, 0xd2], // mov edi, AF_UNIX; mov esi, SOCK_STREAM; xor edx, edx
    [0xb8, ...int32(41), 0x0f, 0x05], // socket
  ].flat();
  const connectAt = (where: number): readonly number[] =>
    [
      [0x89, 0xc7], // mov edi, eax
      [0x48, 0xbe, ...int32(where), ...int32(0)], // mov rsi, where
      [0xba, ...int32(address.length)], // mov edx, length
      [0xb8, ...int32(42), 0x0f, 0x05], // connect
    ].flat();
  const { length } = connectAt(0);
  const orEnd = [0x85, 0xc0, 0x78, length]; // test eax, eax; js over the connecting
  const before = open.length + orEnd.length + length + end.length;
  const code = [...open, ...orEnd, ...connectAt(codeAddress + before), ...end];
  return program64(Buffer.concat([Buffer.from(code), address]));
}

function int32(value: number): readonly number[] {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return [...bytes];
}
