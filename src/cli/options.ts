import { InvalidArgumentError, Option } from 'commander'
import { parseInstant } from '../records/calendar.ts'
import { parseDuration } from './config/units.ts'

const MAX_LIFE_MS = 3650 * 86_400_000

/** An option that takes the number of an open descriptor. */
export function descriptorOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string) => {
    if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('it must be the number of an open descriptor')
    return Number(text)
  })
}

/** `--expires 90d`: how long what is made is good; `usual` says what it is without. */
export function lifeOption(usual = '90d'): Option {
  return new Option('--expires <time>', `good for this time, such as 30d or 12h (default: ${usual})`).argParser(
    (text: string) => {
      const life = parseDuration(text)
      if (life === null || life === 0) throw new InvalidArgumentError('it must be a time such as 90d or 12h')
      if (life > MAX_LIFE_MS) throw new InvalidArgumentError('ten years are the most')
      return life
    },
  )
}

/** `--mailbox ACCOUNT`, as often as wanted. */
export function accountOption(): Option {
  return repeatedOption('--mailbox <account>', 'only this account (source or destination name); may be repeated')
}

/** `--wave NAME`, as often as wanted. */
export function waveOption(): Option {
  return repeatedOption('--wave <name>', 'only accounts of this wave (a column of mailboxes.csv); may be repeated')
}

/** `--confirm PAIRS`, as often as wanted. */
export function confirmOption(): Option {
  return repeatedOption('--confirm <pairs>', 'these pairs of accounts are meant as they are; may be repeated')
}

/** An option that may be given as often as wanted; its value is the list. */
export function repeatedOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string, before: readonly string[] | undefined) => [
    ...(before ?? []),
    text,
  ])
}

/** An option that takes a moment with its offset; its value is in milliseconds since 1970-01-01 UTC. */
export function momentOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string) => {
    try {
      return parseInstant(text)
    } catch {
      throw new InvalidArgumentError('write date, time and offset, such as 2026-11-23T14:05+01:00')
    }
  })
}

/** `--reason TEXT`. */
export function reasonOption(description: string): Option {
  return new Option('--reason <text>', description)
}

/** `--out FILE`. */
export function outOption(description: string): Option {
  return new Option('--out <file>', description)
}

/** A whole number. Throws `InvalidArgumentError`. */
export function toCount(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError('it must be a whole number')
  return Number(text)
}
