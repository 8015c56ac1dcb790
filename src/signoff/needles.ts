/** One byte sequence to be searched for, and what a hit of it means. */
export interface Needle {
  /** Name of the secret or canary; never its value. */
  readonly name: string
  /** How the value would be written there. */
  readonly form: string
  readonly bytes: Buffer
  /** Searched for in the text without blanks and line ends: base64 is often broken into lines. */
  readonly joined: boolean
}

/** Shorter values turn up by chance, and so cannot be searched for. */
export const MIN_SECRET_BYTES = 8

/** Lines of keys in a longer secret, such as the private key of a service account, are searched for by themselves. */
const KEY_LINE = /[A-Za-z0-9+/=]{48,}/g

/** Words of our own files and templates: a password that is one of them would be found everywhere and means nothing. */
const OWN_WORDS = [
  'password',
  'passphrase',
  'implicit',
  'starttls',
  'credential',
  'credentials',
  'destination',
  'mailboxes',
  'per-account',
  'sealpost',
  'workspace',
  'deletion-certificate',
]

/** Why a value cannot be searched for, or null when it can. */
export function whyNotSearchable(value: Buffer): string | null {
  if (value.length < MIN_SECRET_BYTES) return `shorter than ${MIN_SECRET_BYTES} bytes`
  const text = value.toString('latin1').toLowerCase()
  if (OWN_WORDS.includes(text)) return 'a common word, which stands in many files'
  return null
}

/**
 * The forms in which a value could have been written: raw, UTF-16 in both orders, base64 in all three alignments and both
 * alphabets, hexadecimal, and escaped as in JSON and in an address. The caller wipes the bytes of the needles.
 */
export function needlesOf(name: string, value: Buffer): readonly Needle[] {
  const needles = new Map<string, Needle>()
  const add = (form: string, bytes: Buffer, joined = false): void => {
    const key = `${joined ? 'j' : 'r'}${bytes.toString('latin1')}`
    if (bytes.length >= MIN_SECRET_BYTES && !needles.has(key)) needles.set(key, { name, form, bytes, joined })
  }
  addForms(value, add)
  const text = value.toString('utf8')
  if (value.length > 64) {
    // Line ends inside of JSON stand there as the two characters `\n`.
    for (const line of text.replaceAll('\\n', '\n').split(/\r?\n/)) {
      for (const key of line.match(KEY_LINE) ?? []) addForms(Buffer.from(key, 'latin1'), add)
    }
  }
  return [...needles.values()]
}

function addForms(value: Buffer, add: (form: string, bytes: Buffer, joined?: boolean) => void): void {
  add('as it is', Buffer.from(value))
  addBase64(value, 'base64', add)
  const hex = value.toString('hex')
  add('hexadecimal', Buffer.from(hex, 'latin1'))
  add('hexadecimal', Buffer.from(hex.toUpperCase(), 'latin1'))
  const text = value.toString('utf8')
  if (!Buffer.from(text, 'utf8').equals(value)) return
  const wide = Buffer.from(text, 'utf16le')
  add('UTF-16', wide)
  add('UTF-16', Buffer.from(wide).swap16())
  addBase64(wide, 'base64 of UTF-16', add)
  add('escaped as in JSON', Buffer.from(JSON.stringify(text).slice(1, -1), 'utf8'))
  add('escaped as in an address', Buffer.from(encodeURIComponent(text), 'utf8'))
}

/** What base64 shows of a value wherever it begins: the characters that depend on its bytes alone. */
function addBase64(
  value: Buffer,
  form: string,
  add: (form: string, bytes: Buffer, joined?: boolean) => void,
): void {
  for (let before = 0; before < 3; before++) {
    const encoded = Buffer.concat([Buffer.alloc(before), value]).toString('base64')
    const from = Math.ceil((8 * before) / 6)
    const to = Math.floor((8 * (before + value.length)) / 6)
    const sure = encoded.slice(from, to)
    add(form, Buffer.from(sure, 'latin1'), true)
    add(form, Buffer.from(sure.replaceAll('+', '-').replaceAll('/', '_'), 'latin1'), true)
  }
}
