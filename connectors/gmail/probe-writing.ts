import { isKind, type SealpostError } from '../../src/core/errors.ts'
import type { Mailbox } from '../../src/core/mail.ts'
import { factOf, type ProbeFinding } from '../../src/core/probe.ts'
import type { CallOptions } from './api.ts'
import { batchGet } from './batch.ts'
import { changeMany } from './change-labels.ts'
import { UNIT_COSTS, UNITS_PER_MINUTE, type Limits } from './config.ts'
import type { Context } from './context.ts'
import { isNameTaken } from './errors.ts'
import { find } from './find.ts'
import { openSession } from './upload.ts'

const MIB = 1024 * 1024
const MINUTE = 60_000
/** Sizes of which Google's documents name one or another as the largest message. */
const SIZES = [35, 50, 100, 150].map((mebibytes) => mebibytes * MIB)
/** What a whole name may have, as we take it (`GMAIL_NAMING`), and one more. */
const NAME_LENGTHS = [225, 226] as const
/** As many reads as 6,400 units come to at 20 each, and 1,600 at 5. */
const READS = 320
const READS_AT_ONCE = 40
const NEW_CLASS = '6,000 units a minute for a user and 20 for a read'
const OLD_CLASS = '15,000 units a minute for a user and 5 for a read'

/**
 * What Google's documents leave open and an account shows: the largest message, the longest name of a label, how a name that is
 * taken is refused. Labels that it makes it removes; no message is stored.
 */
export async function* probeWriting(
  context: Context,
  scratch: Mailbox,
  signal: AbortSignal,
): AsyncGenerator<ProbeFinding> {
  yield await largestMessage(context, signal)
  yield await longestName(context, scratch, signal)
  yield await takenName(context, scratch, signal)
}

/**
 * Puts what was stored into the trash and removes the label; then reads until a minute's units are used up, which shows the class
 * of the Google Cloud project, and would have kept everything else waiting.
 */
export async function* endProbe(
  context: Context,
  scratch: Mailbox,
  signal: AbortSignal,
): AsyncGenerator<ProbeFinding> {
  const { api, labels } = context
  const keys: string[] = []
  for await (const { key } of find(context, scratch, null, signal)) keys.push(key)
  const { id } = await labels.of(scratch, signal)
  await changeMany(context, keys, { add: ['TRASH'], remove: [] }, signal)
  if (id !== null) await deleteLabel(context, id, signal)
  yield factOf(
    'scratch-mailbox',
    `${keys.length} messages of this round trip were put into the trash, their label is gone`,
  )
  const [key] = keys
  if (key === undefined) return
  const path = `/gmail/v1/users/me/messages/${key}?format=minimal&fields=id`
  let read = 0
  const begun = api.clock.monotonic()
  for (; read < READS; read += READS_AT_ONCE) {
    // Not metered: it is the server's meter that is asked.
    const answers = await batchGet(api, 'reading', 0, Array<string>(READS_AT_ONCE).fill(path), signal)
    const refused = answers.findIndex(({ status }) => status !== 200)
    const answer = answers[refused]
    if (answer === undefined) continue
    yield quotaFinding(api.limits, read + refused, api.refusal(answer.status, answer.body, 'reading'))
    return
  }
  const isSlow = api.clock.monotonic() - begun > MINUTE / 2
  yield isSlow
    ? unknown('quota-class', 'it reads too slowly to show its quota')
    : quotaFinding(api.limits, read, null)
}

/** How large an upload may announce itself: a session is opened, and nothing is sent to it. */
async function largestMessage({ api }: Context, signal: AbortSignal): Promise<ProbeFinding> {
  let taken = 0
  let refusal: SealpostError | null = null
  for (const bytes of SIZES) {
    try {
      await openSession(api, bytes, [], signal)
      taken = bytes
    } catch (error) {
      if (!isKind(error, 'rejected')) throw error
      refusal = error
      break
    }
  }
  const most = formatMib(api.limits.maxMessageBytes)
  const text = `an upload of ${formatMib(taken)} may begin${refusal === null ? '' : `, a larger one is refused (${refusal.code ?? ''})`}`
  if (taken >= api.limits.maxMessageBytes) return factOf('max-message', text)
  const hint = `messages between these and ${most} are tried, and quarantined one by one`
  return { code: 'max-message', state: 'adverse', text, hint }
}

async function longestName(context: Context, scratch: Mailbox, signal: AbortSignal): Promise<ProbeFinding> {
  const taken: number[] = []
  for (const length of NAME_LENGTHS) {
    const name = `${scratch.name}/`.padEnd(length, 'x')
    try {
      await deleteLabel(context, await context.labels.create(name, signal), signal)
      taken.push(length)
    } catch (error) {
      if (!isKind(error, 'rejected')) throw error
    }
  }
  const [usual, beyond] = NAME_LENGTHS
  if (!taken.includes(usual)) {
    const text = `names of ${usual} characters are refused`
    return {
      code: 'label-name',
      state: 'adverse',
      text,
      hint: 'give long mailboxes shorter names by mapping.rules',
    }
  }
  const text = taken.includes(beyond) ? `names of ${beyond} characters are taken too` : 'longer ones are refused'
  return factOf('label-name', `names of ${usual} characters are taken; ${text}`)
}

async function takenName(context: Context, scratch: Mailbox, signal: AbortSignal): Promise<ProbeFinding> {
  try {
    await deleteLabel(context, await context.labels.create(scratch.name, signal), signal)
    const text = 'a name that is taken is taken once more: two labels may have one name'
    return {
      code: 'label-taken',
      state: 'adverse',
      text,
      hint: 'report it: mailboxes are told apart by their names',
    }
  } catch (error) {
    if (!isKind(error, 'rejected')) throw error
    const isKnown = isNameTaken(error)
    const text = `a name that is taken is refused: ${error.code ?? ''} ${error.serverText ?? ''}`.trim()
    if (isKnown) return factOf('label-taken', text)
    return { code: 'label-taken', state: 'adverse', text, hint: 'report it: this refusal is not known yet' }
  }
}

async function deleteLabel({ api }: Context, id: string, signal: AbortSignal): Promise<void> {
  const call = (options: CallOptions): Promise<{ readonly data: unknown }> =>
    api.service.users.labels.delete({ userId: 'me', id }, options)
  await api.call('removing a label of doctor', 'labels-write', call, signal)
}

function quotaFinding(limits: Limits, reads: number, refusal: SealpostError | null): ProbeFinding {
  const code = 'quota-class'
  if (refusal !== null && refusal.kind !== 'throttled') {
    return unknown(code, `its quota was not found out: ${refusal.message}`)
  }
  const isNew = refusal !== null
  const text = isNew
    ? `${reads} reads in a row were let through, then it was enough: the project has ${NEW_CLASS}`
    : `${reads} reads in a row were let through: the project has ${OLD_CLASS}`
  const isTooFast = isNew && limits.unitsPerMinute / limits.costs.get > UNITS_PER_MINUTE / UNIT_COSTS.get
  const isTooSlow = !isNew && limits.unitsPerMinute / limits.costs.get <= UNITS_PER_MINUTE / UNIT_COSTS.get
  const hint = isTooFast
    ? 'take units_per_minute and costs out of project.yaml'
    : isTooSlow
      ? 'units_per_minute: 15000 and costs: { get: 5 } make it ten times as fast'
      : null
  return { code, state: isTooFast ? 'adverse' : 'good', text, hint }
}

function unknown(code: string, text: string): ProbeFinding {
  return { code, state: 'unknown', text, hint: null }
}

function formatMib(bytes: number): string {
  return `${Math.floor(bytes / MIB)} MiB`
}
