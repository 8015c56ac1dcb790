import type { DestinationSession } from '../../core/connector.ts'
import { formatInstant, type Clock } from '../../core/clock.ts'
import { digestWhole } from '../../core/digest.ts'
import { normalizeFlags, type Candidate, type Mailbox } from '../../core/mail.ts'
import { formatPath } from '../../core/mailbox-path.ts'
import { hex } from '../../core/match-digests.ts'
import { factOf, type ProbeFinding } from '../../core/probe.ts'
import { failureText } from '../terminal/output.ts'
import { roundTripSamples, type Sample } from './samples.ts'

/** Where the round trip takes place. One name for all of them, so that there is one mailbox to remove. */
export const SCRATCH_MAILBOX: readonly string[] = ['Sealpost doctor']

/** How one message came back. */
interface Returned {
  readonly candidate: Candidate
  readonly body: Uint8Array | null
}

/**
 * Stores a few awkward messages in the scratch mailbox, reads them back over the same session, and says what the end changed.
 * What is stored goes to the trash where the end can do that, and stays otherwise. Throws only when the session is lost.
 */
export async function* roundTrip(
  session: DestinationSession,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<ProbeFinding> {
  const scratch = await session.ensureMailbox(SCRATCH_MAILBOX, null, signal)
  const samples = roundTripSamples(clock.now())
  let same = 0
  for (const sample of samples) {
    const outcome = await store(session, scratch, sample, signal)
    if ('code' in outcome) {
      yield outcome
      continue
    }
    const changes = compare(sample, outcome, session, clock.now())
    if (changes.length === 0) same++
    yield* changes
  }
  yield factOf('round-trip', `${same} of ${samples.length} messages came back as they were sent`)
  if (session.probeWriting !== undefined) yield* session.probeWriting(scratch, signal)
  if (session.endProbe !== undefined) {
    yield* session.endProbe(scratch, signal)
    return
  }
  yield {
    code: 'scratch-mailbox',
    state: 'good',
    text: `the messages of this round trip lie in the mailbox "${formatPath(scratch.path)}" of this account; sealpost removes nothing at a destination`,
    hint: 'remove that mailbox with a mail program',
  }
}

/** Stores one message and reads it back; a finding where that was refused or nothing came back. */
async function store(
  session: DestinationSession,
  scratch: Mailbox,
  sample: Sample,
  signal: AbortSignal,
): Promise<Returned | ProbeFinding> {
  const before = await session.position(scratch, signal)
  const { bytes, internalDate, flags } = sample
  const message = { body: bytes, internalDate, flags, nul: bytes.includes(0) }
  const [outcome] = await session.append(scratch, [message], signal)
  if (outcome?.kind !== 'landed') {
    const why = outcome === undefined || outcome.kind === 'held' ? 'no answer' : failureText(outcome.error)
    return {
      code: 'refused',
      state: 'adverse',
      text: `${sample.name}: not stored: ${why}`,
      hint: 'messages like it will be quarantined and named; ask the client whether that is acceptable',
    }
  }
  let candidate: Candidate | null = null
  for await (const found of session.find(scratch, before, signal)) {
    if (outcome.key === null || found.key === outcome.key) candidate = found
  }
  if (candidate === null) {
    return {
      code: 'not-found-again',
      state: 'adverse',
      text: `${sample.name}: stored, and not found again`,
      hint: 'do not migrate to this end before it is known why',
    }
  }
  let body: Uint8Array | null = null
  for await (const fetched of session.fetch(scratch, [candidate.key], signal)) {
    if (fetched.kind === 'whole') body = fetched.body
  }
  return { candidate, body }
}

function compare(
  sample: Sample,
  { candidate, body }: Returned,
  { capabilities }: DestinationSession,
  now: number,
): readonly ProbeFinding[] {
  const { name } = sample
  return [
    ...compareBytes(sample, body, capabilities.keepsBytes),
    ...compareDates(name, sample.internalDate, candidate.internalDate, now, capabilities.keepsInternalDate),
    ...compareFlags(name, sample.flags, candidate.flags, capabilities.keywords),
  ]
}

function compareBytes(sample: Sample, body: Uint8Array | null, keepsBytes: boolean): readonly ProbeFinding[] {
  const { name, bytes } = sample
  if (body === null) return [differs('bytes', `${name}: the body could not be read again`)]
  if (Buffer.compare(bytes, body) === 0) return []
  const [sent, found] = [digestWhole(bytes), digestWhole(body)]
  if (hex(sent.matchDigest) === hex(found.matchDigest)) {
    const what = sent.nul ? 'NUL bytes or line ends' : 'line ends'
    return [factOf('bytes', `${name}: ${what} are changed; verify explains that`)]
  }
  const text = `${name}: ${bytes.length} bytes were sent, ${body.length} others came back`
  return [keepsBytes ? differs('bytes', text) : factOf('bytes', `${text}; this end renders mail anew`)]
}

function compareDates(
  name: string,
  sent: number,
  found: number,
  now: number,
  keepsDate: boolean,
): readonly ProbeFinding[] {
  if (Math.floor(sent / 1000) === Math.floor(found / 1000)) return []
  const text = `${name}: the date ${formatInstant(sent)} became ${formatInstant(found)}`
  const outOfRange = sent <= 0 || sent > now
  return [
    outOfRange || !keepsDate
      ? factOf('internal-date', `${text}; verify explains that`)
      : differs('internal-date', text),
  ]
}

function compareFlags(
  name: string,
  sent: readonly string[],
  found: readonly string[],
  keywords: 'any' | 'listed' | 'none',
): readonly ProbeFinding[] {
  const there = new Set(found.map((flag) => flag.toLowerCase()))
  const lost = normalizeFlags(sent).filter((flag) => !there.has(flag.toLowerCase()))
  if (lost.length === 0) return []
  const text = `${name}: not kept: ${lost.join(', ')}`
  const onlyKeywords = lost.every((flag) => !flag.startsWith('\\'))
  return [
    onlyKeywords && keywords !== 'any'
      ? factOf('keywords', text)
      : differs(onlyKeywords ? 'keywords' : 'flags', text),
  ]
}

function differs(code: string, text: string): ProbeFinding {
  return {
    code,
    state: 'adverse',
    text,
    hint: 'verify will show such messages as findings: tell the client before the work begins',
  }
}
