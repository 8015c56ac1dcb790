/**
 * The script of the completion report: says what became of a message whose Message-ID the reader types. It makes no
 * connection; the page's policy allows none. src/report/look-up.ts has the form of the index.
 */
import { sha256 } from './sha256.ts'

interface PageData {
  /** Base64. */
  readonly salt: string
  readonly outcomes: readonly string[]
  readonly mailboxes: readonly (readonly [account: string, mailbox: string])[]
  readonly unknown: string
}

const ENTRY_BYTES = 11
const HASH_BYTES = 8

const data = JSON.parse(element('look-up-data').textContent) as PageData
const index = bytesOf(element('look-up-index').textContent.trim())
const salt = bytesOf(data.salt)
const input = element('look-up-input') as HTMLInputElement
const results = element('look-up-results')

element('look-up-form').addEventListener('submit', (event) => {
  event.preventDefault()
  show()
})

function show(): void {
  const typed = input.value
    .trim()
    .replace(/^message-id:/i, '')
    .trim()
  const id = typed.replace(/^<(.*)>$/, '$1').trim()
  results.replaceChildren()
  if (id === '') return
  const found = find(id)
  for (const line of found.length === 0 ? [data.unknown] : found) {
    const item = document.createElement('li')
    item.textContent = line
    results.append(item)
  }
}

/** Every message with this Message-ID, as a line. */
function find(id: string): readonly string[] {
  const text = new TextEncoder().encode(id)
  const salted = new Uint8Array(salt.length + text.length)
  salted.set(salt)
  salted.set(text, salt.length)
  const hash = sha256(salted).subarray(0, HASH_BYTES)
  let low = 0
  let high = index.length / ENTRY_BYTES
  while (low < high) {
    const middle = (low + high) >> 1
    if (compare(middle, hash) < 0) low = middle + 1
    else high = middle
  }
  const lines: string[] = []
  for (let entry = low; entry * ENTRY_BYTES < index.length && compare(entry, hash) === 0; entry++) {
    const at = entry * ENTRY_BYTES + HASH_BYTES
    const mailbox = data.mailboxes[((index[at + 1] ?? 0) << 8) | (index[at + 2] ?? 0)]
    const where = mailbox === undefined ? '' : `${mailbox[0]}, ${mailbox[1]}: `
    lines.push(`${where}${data.outcomes[index[at] ?? 0] ?? ''}`)
  }
  return lines
}

function compare(entry: number, hash: Uint8Array): number {
  for (let i = 0; i < HASH_BYTES; i++) {
    const difference = (index[entry * ENTRY_BYTES + i] ?? 0) - (hash[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no ${id}`)
  return found
}
