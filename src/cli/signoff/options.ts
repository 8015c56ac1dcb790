import { Option } from 'commander'
import { SealpostError } from '../../core/errors.ts'
import type { Acceptance, CertificateLanguage, SignoffRequest } from '../../signoff/state.ts'
import { descriptorOption } from '../options.ts'

/** What commander leaves of the options of `signoff`. */
export interface RawSignoff {
  readonly by?: string
  readonly title?: string
  readonly location?: string
  readonly contact?: string
  readonly asset?: string
  readonly abandon?: boolean
  readonly confirm?: string
  readonly second?: string
  readonly secondPassphraseFd?: number
  readonly secondKeyFile?: string
  readonly secondTotpFd?: number
  readonly alone?: string
  readonly language: CertificateLanguage
}

/** `--accept`, `--abandon` and `--reason` in the order in which they were typed: each reason is for what stands before it. */
export class Reasons {
  readonly #accepted: { class: string; mailbox: string | null; reason: string | null }[] = []
  readonly #loose: string[] = []
  #last: { reason: string | null }[] = []

  accept(text: string): void {
    const colon = text.indexOf(':')
    const name = colon === -1 ? text : text.slice(0, colon)
    const mailbox = colon === -1 ? null : text.slice(colon + 1)
    if (!/^[a-z][a-z0-9-]*$/.test(name) || mailbox === '') {
      throw new SealpostError('config', '--accept takes CLASS or CLASS:MAILBOX', {
        hint: 'sealpost exceptions and the refusal of sealpost signoff name the classes',
      })
    }
    const acceptance = { class: name, mailbox, reason: null }
    this.#accepted.push(acceptance)
    this.#last.push(acceptance)
  }

  reason(text: string): void {
    const clean = cleanText(text, '--reason')
    if (this.#last.length === 0) this.#loose.push(clean)
    for (const item of this.#last) item.reason = clean
    this.#last = []
  }

  /** Every acceptance with its reason. Throws `config` for one without. */
  acceptances(): readonly Acceptance[] {
    return this.#accepted.map(({ class: name, mailbox, reason }) => {
      if (reason === null) {
        throw new SealpostError('config', `--accept ${name} needs a reason`, { hint: 'put --reason R behind it' })
      }
      return { class: name, mailbox, reason }
    })
  }

  /** The reason for abandoning: the one that stands by itself, or the last. */
  abandonment(): string {
    const reason = this.#loose.at(-1)
    if (reason !== undefined) return reason
    throw new SealpostError('config', '--abandon needs a reason', { hint: 'put --reason R behind it' })
  }
}

/** The options of `signoff`; reasons go into `reasons` as they are met. */
export function signoffOptions(reasons: Reasons): readonly Option[] {
  return [
    new Option('--by <name>', 'who signs for the client; the operator is whoever unlocks'),
    new Option('--title <title>', 'title of that person'),
    new Option(
      '--accept <class>',
      'accept exceptions or findings: CLASS, or CLASS:ACCOUNT; may be repeated',
    ).argParser((text: string) => {
      reasons.accept(text)
      return text
    }),
    new Option('--reason <text>', 'why; for the --accept before it, or for --abandon').argParser(
      (text: string) => {
        reasons.reason(text)
        return text
      },
    ),
    new Option('--abandon', 'purge without verification; the certificate says that delivery is not certified'),
    new Option(
      '--confirm <id>',
      'with --abandon: the project of this id is meant, although nothing of it opens here',
    ),
    new Option('--second <operator>', 'the second person under dual control'),
    descriptorOption('--second-passphrase-fd <n>', 'read the passphrase of the second person from a descriptor'),
    new Option('--second-key-file <file>', 'the key file of the second person, who has one'),
    descriptorOption('--second-totp-fd <n>', 'read the code of the second person, who has enrolled TOTP'),
    new Option('--alone <reason>', 'why no second person signs although there is one'),
    new Option('--location <place>', 'where it is signed off, for the certificate'),
    new Option('--contact <text>', 'how to reach the operator, for the certificate'),
    new Option('--asset <number>', 'your number of this workstation, for the certificate'),
    new Option('--language <language>', 'of the page to print').choices(['en', 'ar']).default('en'),
  ]
}

/** What was asked for. Throws `config` for what is missing or cannot be printed. */
export function toRequest(raw: RawSignoff, reasons: Reasons): SignoffRequest {
  const accept = reasons.acceptances()
  const abandon = raw.abandon === true ? reasons.abandonment() : null
  if (abandon !== null && accept.length > 0) {
    throw new SealpostError('config', '--abandon and --accept do not go together', {
      hint: 'an abandoned project needs no acceptance: its delivery is not certified',
    })
  }
  if (raw.by === undefined) {
    throw new SealpostError('config', '--by NAME is needed: who signs for the client', { code: 'USAGE' })
  }
  const optional = (text: string | undefined, what: string): string | null =>
    text === undefined ? null : cleanText(text, what)
  return {
    by: cleanText(raw.by, '--by'),
    title: optional(raw.title, '--title'),
    location: optional(raw.location, '--location'),
    contact: optional(raw.contact, '--contact'),
    asset: optional(raw.asset, '--asset'),
    accept,
    abandon,
    alone: optional(raw.alone, '--alone'),
    language: raw.language,
  }
}

function cleanText(text: string, what: string): string {
  const clean = text.trim()
  if (clean !== '' && clean.length <= 500 && !/\p{C}/u.test(clean)) return clean
  throw new SealpostError('config', `${what} needs a text that can be printed, of at most 500 characters`)
}
