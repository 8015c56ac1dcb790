import { createHmac } from 'node:crypto'

/** The code of a secret at a time, by the words of RFC 4226 section 5.3 and RFC 6238 section 4, and none of the program's code. */
export function codeAt(secret: Buffer, ms: number): string {
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(ms / 30_000)))
  const mac = createHmac('sha1', secret).update(step).digest()
  const offset = (mac[19] ?? 0) & 15
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}
