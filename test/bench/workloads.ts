import { mkdirSync, writeFileSync, chownSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** One kind of mailbox contents to be moved. */
export interface Workload {
  readonly name: string
  readonly messages: number
  readonly mailboxes: number
  /** Size in bytes of the n-th message. */
  readonly size: (random: () => number) => number
}

/** A small seeded generator (mulberry32): the same workload every time. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

function logNormal(median: number, sigma: number, random: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return Math.min(8_000_000, Math.max(600, Math.round(median * Math.exp(sigma * normal))))
}

/** The workloads of docs/performance.md. */
export const WORKLOADS: Readonly<Record<string, Workload>> = {
  large: { name: 'large', messages: 2_000, mailboxes: 12, size: (random) => logNormal(50_000, 1.5, random) },
  small: {
    name: 'small',
    messages: 10_000,
    mailboxes: 12,
    size: (random) => 1_000 + Math.floor(random() * 4_400),
  },
  one: { name: 'one', messages: 1_000, mailboxes: 1, size: () => 20_000 },
  many: { name: 'many', messages: 50_000, mailboxes: 12, size: (random) => 600 + Math.floor(random() * 600) },
  huge: { name: 'huge', messages: 1, mailboxes: 1, size: () => 200_000_000 },
  endless: { name: 'endless', messages: 500_000, mailboxes: 1, size: () => 600 },
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Writes the workload into a Maildir++ that a server serves; owned like the folder that holds the users'. Returns the bytes. */
export function fillMaildir(workload: Workload, folder: string): number {
  const random = seeded(workload.messages)
  const owner = statSync(join(folder, '..', '..'))
  mkdirSync(folder, { recursive: true })
  for (const made of [join(folder, '..'), folder]) chownSync(made, owner.uid, owner.gid)
  let total = 0
  const text = Buffer.alloc(1 << 20)
  for (let i = 0; i < text.length; i++) text[i] = ALPHABET.charCodeAt(Math.floor(random() * 64))
  for (let i = 78; i + 1 < text.length; i += 78) text.write('\r\n', i - 2)
  for (let box = 0; box < workload.mailboxes; box++) {
    const path = box === 0 ? folder : join(folder, `.Folder ${String(box).padStart(2, '0')}`)
    for (const part of ['', 'cur', 'new', 'tmp']) {
      mkdirSync(join(path, part), { recursive: true })
      chownSync(join(path, part), owner.uid, owner.gid)
    }
  }
  for (let n = 0; n < workload.messages; n++) {
    const box = n % workload.mailboxes
    const path = box === 0 ? folder : join(folder, `.Folder ${String(box).padStart(2, '0')}`)
    const size = workload.size(random)
    const head =
      `From: sender${n}@example.com\r\nTo: someone@example.com\r\nSubject: message ${n}\r\n` +
      `Message-ID: <${workload.name}.${n}@example.com>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n` +
      'MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    const parts: Buffer[] = [Buffer.from(head)]
    for (let left = size - head.length; left > 0;) {
      const start = 78 * Math.floor(random() * 1000)
      const end = Math.min(text.length - 78, start + left)
      // Never between CR and LF.
      const piece = text.subarray(start, text[end - 1] === 0x0d ? end + 1 : end)
      parts.push(piece)
      left -= piece.length
    }
    parts.push(Buffer.from('\r\n'))
    const body = Buffer.concat(parts)
    total += body.length
    const file = join(
      path,
      'cur',
      `${1_700_000_000 + n}.M${n}P1.bench,S=${body.length}:2,${n % 2 === 0 ? 'S' : ''}`,
    )
    writeFileSync(file, body)
    chownSync(file, owner.uid, owner.gid)
  }
  return total
}
