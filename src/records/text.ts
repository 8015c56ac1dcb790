import { SealpostError } from '../core/errors.ts'

const MAX_TEXT = 8000
const CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]+/gu

/**
 * Text that a person typed, fit for a terminal and for paper: no control or invisible characters, line breaks kept. Throws
 * `config` when nothing is left of it, or it is longer than 8,000 characters.
 */
export function cleanText(text: string, what: string): string {
  const clean = text
    .split(/\r\n|\n|\r/)
    .map((line) => line.replace(CONTROLS, ' ').trim())
    .join('\n')
    .trim()
  if (clean === '') throw new SealpostError('config', `${what} is missing`)
  if (clean.length > MAX_TEXT) throw new SealpostError('config', `${what} is longer than ${MAX_TEXT} characters`)
  return clean
}

/** As `cleanText`, where there may be none. */
export function cleanOptional(text: string | null, what: string): string | null {
  return text === null || text.trim() === '' ? null : cleanText(text, what)
}
