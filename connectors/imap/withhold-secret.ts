import { SealpostError } from '../../src/core/errors.ts'

/** Less of a secret turns up in words by chance, and tells little. */
const MIN_PART = 4

/**
 * The error of a login as it is or, where the server repeats in its words the secret that it was sent (some quote the whole
 * command), without them. The secret is looked for as it is, escaped as in a quoted string, and in base64; a part of it
 * too, where the words were cut.
 */
export function withholdSecret(error: SealpostError, secret: string): SealpostError {
  const { kind, message, hint, code, retryAfter, serverText } = error
  if (serverText === undefined || secret.length < MIN_PART || !repeats(serverText, secret)) return error
  return new SealpostError(kind, message, {
    serverText: '(withheld: it repeats the secret)',
    ...(hint === undefined ? {} : { hint }),
    ...(code === undefined ? {} : { code }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  })
}

function repeats(words: string, secret: string): boolean {
  const whole = words.replace(/…$/, '')
  const encoded = whole.match(/[A-Za-z0-9+/]{6,}/g) ?? []
  const decoded = encoded.map((word) => Buffer.from(word, 'base64').toString('utf8'))
  return [whole, whole.replace(/\\(["\\])/g, '$1'), ...decoded].some(
    (text) => text.includes(secret) || endsInPart(text, secret),
  )
}

function endsInPart(text: string, secret: string): boolean {
  for (let length = Math.min(secret.length, text.length); length >= MIN_PART; length--) {
    if (text.endsWith(secret.slice(0, length))) return true
  }
  return false
}
