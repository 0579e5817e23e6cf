/** One system call, by its number for the kind of program. */
export interface SystemCall {
  /** Programs of x86-64, or of the 32-bit processors before it, which its kernels run too. */
  readonly bits: 64 | 32;
  readonly number: number;
  /** At most four. */
  readonly args: readonly number[];
}

const base = 0x40_00_00;
/** Where in memory the code of a program of x86-64 begins. */
export const codeAddress: number = base + 0x78;
/** `PF_R | PF_X`. */
const executable = 5;

/** A program that makes one system call and leaves with its errno, or 0 when it succeeded. Needs no library and no compiler. */
export function systemCall(call: SystemCall): Buffer {
  return call.bits === 64 ? program64(code64(call)) : program32(code32(call));
}

function code64({ number, args }: SystemCall): Buffer {
  // mov rdi, rsi, rdx, r10
  const registers = [
    [0x48, 0xbf],
    [0x48, 0xbe],
    [0x48, 0xba],
    [0x49, 0xba],
  ];
  const instructions = [
    ...args.map((value, index) => [...(registers[index] ?? []), ...int64(value)]),
    [0xb8, ...int32(number)], // mov eax, number
    [0x0f, 0x05], // syscall
    [0x31, 0xff, 0x85, 0xc0, 0x79, 0x04], // xor edi, edi; test eax, eax; jns over the next
    [0xf7, 0xd8, 0x89, 0xc7], // neg eax; mov edi, eax
    [0xb8, ...int32(60), 0x0f, 0x05], // exit
  ];
  return Buffer.from(instructions.flat());
}

function code32({ number, args }: SystemCall): Buffer {
  // mov ebx, ecx, edx, esi
  const registers = [0xbb, 0xb9, 0xba, 0xbe];
  const instructions = [
    ...args.map((value, index) => [registers[index] ?? 0, ...int32(value)]),
    [0xb8, ...int32(number)], // mov eax, number
    [0xcd, 0x80], // int 0x80
    [0x31, 0xdb, 0x85, 0xc0, 0x79, 0x04], // xor ebx, ebx; test eax, eax; jns over the next
    [0xf7, 0xd8, 0x89, 0xc3], // neg eax; mov ebx, eax
    [0xb8, ...int32(1), 0xcd, 0x80], // exit
  ];
  return Buffer.from(instructions.flat());
}

/** A program of x86-64 that is this code: an ELF header and one program header, elf(5), before it. It is found at `codeAddress`. */
export function program64(code: Buffer): Buffer {
  const header = Buffer.alloc(0x78);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(2, 0x10); // ET_EXEC
  header.writeUInt16LE(62, 0x12); // EM_X86_64
  header.writeUInt32LE(1, 0x14);
  header.writeUInt32LE(base + header.length, 0x18); // e_entry
  header.writeUInt32LE(0x40, 0x20); // e_phoff
  header.writeUInt16LE(0x40, 0x34);
  header.writeUInt16LE(0x38, 0x36);
  header.writeUInt16LE(1, 0x38);
  header.writeUInt32LE(1, 0x40); // PT_LOAD
  header.writeUInt32LE(executable, 0x44);
  header.writeUInt32LE(base, 0x50);
  header.writeUInt32LE(base, 0x58);
  header.writeUInt32LE(header.length + code.length, 0x60);
  header.writeUInt32LE(header.length + code.length, 0x68);
  header.writeUInt32LE(0x1000, 0x70);
  return Buffer.concat([header, code]);
}

function program32(code: Buffer): Buffer {
  const header = Buffer.alloc(0x54);
  header.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  header.writeUInt16LE(2, 0x10); // ET_EXEC
  header.writeUInt16LE(3, 0x12); // EM_386
  header.writeUInt32LE(1, 0x14);
  header.writeUInt32LE(base + header.length, 0x18); // e_entry
  header.writeUInt32LE(0x34, 0x1c); // e_phoff
  header.writeUInt16LE(0x34, 0x28);
  header.writeUInt16LE(0x20, 0x2a);
  header.writeUInt16LE(1, 0x2c);
  header.writeUInt32LE(1, 0x34); // PT_LOAD
  header.writeUInt32LE(base, 0x3c);
  header.writeUInt32LE(base, 0x40);
  header.writeUInt32LE(header.length + code.length, 0x44);
  header.writeUInt32LE(header.length + code.length, 0x48);
  header.writeUInt32LE(executable, 0x4c);
  header.writeUInt32LE(0x1000, 0x50);
  return Buffer.concat([header, code]);
}

function int32(value: number): readonly number[] {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return [...bytes];
}

function int64(value: number): readonly number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return [...bytes];
}
