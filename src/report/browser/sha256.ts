/** SHA-256 (FIPS 180-4), since not every browser lends its own to a page that was opened from a disk. */
export function sha256(message: Uint8Array): Uint8Array {
  const length = message.length
  const padded = new Uint8Array(((length + 8) >> 6) * 64 + 64)
  padded.set(message)
  padded[length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 8, Math.floor(length / 2 ** 29))
  view.setUint32(padded.length - 4, length << 3)
  const hash = Uint32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)))
  const w = new Uint32Array(64)
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 64; i++) w[i] = i < 16 ? view.getUint32(block + 4 * i) : schedule(w, i)
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = hash
    for (let i = 0; i < 64; i++) {
      const s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)
      const one = (h + s1 + ((e & f) ^ (~e & g)) + (ROUNDS[i] ?? 0) + (w[i] ?? 0)) | 0
      const s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)
      const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
      ;[a, b, c, d, e, f, g, h] = [(one + two) | 0, a, b, c, (d + one) | 0, e, f, g]
    }
    for (const [i, value] of [a, b, c, d, e, f, g, h].entries()) hash[i] = ((hash[i] ?? 0) + value) | 0
  }
  const out = new DataView(new ArrayBuffer(32))
  for (const [i, value] of hash.entries()) out.setUint32(4 * i, value)
  return new Uint8Array(out.buffer)
}

/** The first 64 primes: the algorithm's constants are the fractions of their roots. */
const PRIMES = Array.from({ length: 312 }, (_, i) => i).filter(
  (n) => n > 1 && !Array.from({ length: n }, (_, d) => d).some((d) => d > 1 && n % d === 0),
)

const ROUNDS = Uint32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)))

function fraction(root: number): number {
  return Math.floor((root - Math.floor(root)) * 2 ** 32)
}

function turn(value: number, by: number): number {
  return (value >>> by) | (value << (32 - by))
}

function schedule(w: Uint32Array, i: number): number {
  const [x = 0, y = 0] = [w[i - 15], w[i - 2]]
  const s0 = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)
  const s1 = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10)
  return ((w[i - 16] ?? 0) + s0 + (w[i - 7] ?? 0) + s1) | 0
}
