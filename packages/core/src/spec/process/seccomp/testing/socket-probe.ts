/**
 * A program for x86-64 that tries every socket family from 0 to 63 in four ways and prints 256 bytes, the error numbers: by
 * `socket`, by `socket` with bit 32 of the family set, by the 32-bit `socket` and by `socketcall` (both through int 0x80). The type
 * of socket is none, so a call that gets past the filter makes nothing and fails with EINVAL or EAFNOSUPPORT.
 */
const code = `
  41bd30014000 4531e4                              mov results, r13; xor r12, r12
  4c89e7 e87f000000                                loop: mov r12, rdi; call direct
  4c89e7 480fbaef20 e872000000                     mov r12, rdi; bts 32, rdi; call direct
  4489e3 b867010000 b90f000000 31d2 cd80           mov r12, ebx; 359 socket; type 15; int 0x80
  e86a000000                                       call store
  4489242520014000 c70425240140000f000000          mov r12, args; type 15
  c704252801400000000000                           protocol 0
  bb01000000 b920014000 b866000000 cd80            SYS_SOCKET; args; 102 socketcall; int 0x80
  e836000000                                       call store
  41ffc4 4183fc40 7598                             inc r12; cmp 64, r12; jne loop
  bf01000000 be30014000 ba00010000 b801000000 0f05 write(1, results, 256)
  31ff b8e7000000 0f05                             exit_group(0)
  be0f000000 31d2 b829000000 0f05                  direct: type 15; protocol 0; 41 socket; syscall
  f7d8 41884500 49ffc5 c3                          store: neg eax; mov al, (r13); inc r13; ret`;

/** Where the kernel loads it. */
const base = 0x40_00_78n;
const dataBytes = 16 + 256;

/** The program as an ELF file (elf(5)). */
export function socketProbe(): Buffer {
  const text = Buffer.from(
    code
      .split("\n")
      .flatMap((line) => line.slice(0, 50).split(" "))
      .join(""),
    "hex",
  );
  const headers = Buffer.alloc(64 + 56);
  headers.write("7f454c46020101", "hex");
  headers.writeUInt16LE(2, 16); // executable
  headers.writeUInt16LE(62, 18); // x86-64
  headers.writeUInt32LE(1, 20);
  headers.writeBigUInt64LE(base, 24); // entry
  headers.writeBigUInt64LE(64n, 32); // program headers
  headers.writeUInt16LE(64, 52);
  headers.writeUInt16LE(56, 54);
  headers.writeUInt16LE(1, 56);
  headers.writeUInt32LE(1, 64); // load
  headers.writeUInt32LE(7, 68); // readable, writable, executable
  headers.writeBigUInt64LE(120n, 72);
  headers.writeBigUInt64LE(base, 80);
  headers.writeBigUInt64LE(base, 88);
  headers.writeBigUInt64LE(BigInt(text.length), 96);
  headers.writeBigUInt64LE(BigInt(text.length + dataBytes), 104);
  headers.writeBigUInt64LE(1n, 112);
  return Buffer.concat([headers, text]);
}
