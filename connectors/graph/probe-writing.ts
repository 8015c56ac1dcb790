import { isKind } from '../../src/core/errors.ts'
import type { NewMessage } from '../../src/core/mail.ts'
import type { StoredForProbe } from '../../src/core/ports.ts'
import { factOf, type ProbeFinding } from '../../src/core/probe.ts'
import { MOST_DRAFT_BYTES } from './append.ts'
import type { GraphCall } from './client.ts'
import type { GraphContext } from './context.ts'
import { expandOf, PROPERTY, propertyOf } from './extended-properties.ts'
import { folderPath, pagesOf } from './folders.ts'
import { fieldOf, instantOf, textOf, type Json } from './json.ts'
import { messagePath } from './list-messages.ts'
import { exportItem, immutableIdOf, importItem, importSessionEnd } from './native-items.ts'
import { rebuildMessage } from './rebuild-message.ts'

const FACTS = `$select=id,parentFolderId,isDraft,receivedDateTime,internetMessageId&${expandOf(PROPERTY.deliveryTime)}`
const DATE = Date.UTC(2019, 2, 14, 9, 26, 53)
/** Beyond what is sent: where Graph answers 200 and stores nothing, as it is told, and what one request cannot hold. */
const BEYOND = [2_300_000, 2_900_000] as const
const NEEDS = 'Mail.ReadWrite with admin consent'

/**
 * What Microsoft's documents leave open and a tenant shows: whether mail that IMAP stored is mail and has its date for Graph too,
 * whether JSON makes mail, where MIME goes and up to which size. All that it stores ends in `folder`. What the app may not do
 * is a finding.
 */
export async function* probeWriting(
  context: GraphContext,
  folder: string,
  stored: readonly StoredForProbe[],
  signal: AbortSignal,
): AsyncGenerator<ProbeFinding> {
  if (stored.length > 0) yield* seenByGraph(context, folder, stored, signal)
  const parts = [
    ['json-mail', (): Promise<ProbeFinding> => jsonMail(context, folder, signal)],
    ['mime-folder', (): Promise<ProbeFinding> => mimeIntoFolder(context, folder, signal)],
    ['mime-size', (): Promise<ProbeFinding> => mimeSizes(context, folder, signal)],
    ['item-transfer', (): Promise<ProbeFinding> => itemAgain(context, folder, signal)],
  ] as const
  for (const [code, ask] of parts) {
    try {
      yield await ask()
    } catch (error) {
      if (!isKind(error, 'config', 'auth', 'rejected', 'not-found')) throw error
      const hint = code === 'item-transfer' ? (error.hint ?? null) : `it needs ${NEEDS}`
      yield { code, state: 'unknown', text: `${error.message} (${error.serverText ?? ''})`, hint }
    }
  }
}

/** Moves a folder with all that lies in it into the deleted items; a person can move it back. */
export async function* endProbe(
  context: GraphContext,
  folder: string,
  signal: AbortSignal,
): AsyncGenerator<ProbeFinding> {
  const json = { destinationId: 'deleteditems' }
  const path = `${folderPath(context, folder)}/move`
  try {
    await context.client.call({ method: 'POST', path, what: 'putting the trial away', json }, signal)
    yield factOf(
      'scratch-mailbox',
      'the messages of this round trip and their folder were put into the deleted items',
    )
  } catch (error) {
    if (!isKind(error, 'config', 'auth', 'rejected')) throw error
    const text = 'the messages of this round trip stay in their folder: the app may not move it'
    yield {
      code: 'scratch-mailbox',
      state: 'good',
      text,
      hint: `remove it with Outlook; with ${NEEDS} it is done here`,
    }
  }
}

/** What was stored by IMAP, as Graph sees it. */
async function* seenByGraph(
  context: GraphContext,
  folder: string,
  stored: readonly StoredForProbe[],
  signal: AbortSignal,
): AsyncGenerator<ProbeFinding> {
  // Two of them may have one Message-ID.
  const sent = new Set(stored.map(({ messageId, internalDate }) => `${messageId} ${secondOf(internalDate)}`))
  const known = new Set(stored.map(({ messageId }) => messageId))
  const meant = new Set(stored.flatMap(({ messageId, flags }) => (flags.includes('\\Draft') ? messageId : [])))
  let seen = 0
  let dates = 0
  let delivered = 0
  let drafts = 0
  const path = `${folderPath(context, folder)}/messages?$top=100&${FACTS}`
  for await (const item of pagesOf(context, path, signal)) {
    const id = /<([^<>]+)>/.exec(textOf(item, 'internetMessageId') ?? '')?.[1]
    if (id === undefined || !known.has(id)) continue
    seen++
    const received = instantOf(item, 'receivedDateTime') ?? NaN
    if (sent.has(`${id} ${received}`)) dates++
    if (secondOf(Date.parse(propertyOf(item, PROPERTY.deliveryTime) ?? '')) === received) delivered++
    if (fieldOf(item, 'isDraft') === true && !meant.has(id)) drafts++
  }
  yield factOf(
    'imap-dates',
    `of ${seen} messages stored by IMAP ${dates} have their INTERNALDATE as received time in Graph, ${delivered} as delivery time (0x0E06)`,
  )
  yield drafts === 0
    ? factOf('imap-mail', 'what IMAP stores is mail for Graph, and no draft')
    : {
        code: 'imap-mail',
        state: 'adverse',
        text: `${drafts} messages stored by IMAP are drafts for Graph`,
        hint: 'do not migrate to this tenant before it is known why',
      }
}

/** JSON with the flags of a message that was sent (PidTagMessageFlags without UNSENT) makes mail, as all others say. */
async function jsonMail(context: GraphContext, folder: string, signal: AbortSignal): Promise<ProbeFinding> {
  const message: NewMessage = { body: sample('json', 0), internalDate: DATE, flags: ['\\Seen'], nul: false }
  const json = rebuildMessage(sample('json', 0), message, false)
  const made = await create(context, { ...into(context, folder), json }, signal)
  if (made.id === null) return lost('json-mail', made.status, 'write: rebuild stores nothing here')
  const item = await context.client.get(`${messagePath(context, made.id)}?${FACTS}`, 'reading it again', signal)
  const isDraft = fieldOf(item, 'isDraft') === true
  const isDated = instantOf(item, 'receivedDateTime') === DATE
  const text = `JSON makes ${isDraft ? 'a draft' : 'mail'}, ${isDated ? 'with its own date' : 'with the date of today'}`
  if (!isDraft && isDated) return factOf('json-mail', text)
  return { code: 'json-mail', state: 'adverse', text, hint: 'do not use write: rebuild at this tenant' }
}

/** MIME posted to a folder: the documents allow it, others have seen it refused. */
async function mimeIntoFolder(context: GraphContext, folder: string, signal: AbortSignal): Promise<ProbeFinding> {
  let made: Made
  try {
    made = await create(context, { ...into(context, folder), text: base64(sample('mime-folder', 0)) }, signal)
  } catch (error) {
    if (!isKind(error, 'rejected')) throw error
    return factOf('mime-folder', `MIME into a folder is refused: ${error.serverText ?? error.message}`)
  }
  if (made.id === null)
    return factOf('mime-folder', `MIME into a folder is answered ${made.status} and not stored`)
  const draft = fieldOf(made.body, 'isDraft') === true ? 'a draft' : 'mail'
  const where = textOf(made.body, 'parentFolderId') === folder ? 'there' : 'elsewhere'
  if (where === 'elsewhere') await putAway(context, made.id, folder, signal)
  return factOf('mime-folder', `MIME into a folder makes ${draft}, ${where}`)
}

/** Drafts as MIME: what is sent must be stored; beyond it is only told. */
async function mimeSizes(context: GraphContext, folder: string, signal: AbortSignal): Promise<ProbeFinding> {
  const told: string[] = []
  let isEnough = false
  for (const bytes of [MOST_DRAFT_BYTES, ...BEYOND]) {
    let answer: string
    try {
      const text = base64(sample('mime-size', bytes))
      const call = {
        method: 'POST',
        path: `${context.client.user}/messages`,
        what: 'storing a draft',
        text,
      } as const
      const made = await create(context, call, signal)
      answer = made.id === null ? `${made.status}, not stored` : 'stored'
      if (made.id !== null) await putAway(context, made.id, folder, signal)
      if (bytes === MOST_DRAFT_BYTES) isEnough = made.id !== null
    } catch (error) {
      if (!isKind(error, 'rejected')) throw error
      answer = error.serverText?.slice(0, 3) ?? error.message
    }
    told.push(`${Math.round(bytes / 1000)} kB ${answer}`)
  }
  const text = `drafts as MIME: ${told.join(', ')}`
  if (isEnough) return factOf('mime-size', text)
  return {
    code: 'mime-size',
    state: 'adverse',
    text,
    hint: 'drafts of that size are quarantined by write: drafts',
  }
}

/** An item of the trial is exported and imported beside itself: whether it stays what it was, and how long a session lives. */
async function itemAgain(context: GraphContext, folder: string, signal: AbortSignal): Promise<ProbeFinding> {
  const code = 'item-transfer'
  let key: string | null = null
  for await (const item of pagesOf(context, `${folderPath(context, folder)}/messages?$top=1&$select=id`, signal)) {
    key ??= textOf(item, 'id')
  }
  if (key === null) return { code, state: 'unknown', text: 'there is no item to export', hint: null }
  const item = await exportItem(context, key, signal)
  const made = await importItem(context, folder, item, () => undefined, signal)
  const facts = async (id: string): Promise<string> => {
    const path = `${messagePath(context, id)}?$select=isDraft,isRead,receivedDateTime,internetMessageId`
    const found = await context.client.get(path, 'reading it again', signal)
    return ['isDraft', 'isRead', 'receivedDateTime', 'internetMessageId']
      .map((name) => String(fieldOf(found, name)))
      .join()
  }
  const isSame = (await facts(key)) === (await facts(await immutableIdOf(context, made, signal)))
  const minutes = Math.round((importSessionEnd(context) - context.clock.now()) / 60_000)
  const text = `an exported item was imported ${isSame ? 'as it was' : 'as another one'}; an import session lives ${minutes} minutes`
  if (isSame) return factOf(code, text)
  return { code, state: 'adverse', text, hint: 'do not use write: transfer at this tenant' }
}

interface Made {
  readonly status: number
  /** Null where nothing was stored, whatever the status. */
  readonly id: string | null
  readonly body: Json
}

async function create(context: GraphContext, call: GraphCall, signal: AbortSignal): Promise<Made> {
  const { status, body } = await context.client.call(call, signal)
  return { status, id: status === 201 ? textOf(body, 'id') : null, body }
}

async function putAway(context: GraphContext, id: string, folder: string, signal: AbortSignal): Promise<void> {
  const path = `${messagePath(context, id)}/move`
  const call: GraphCall = { method: 'POST', path, what: 'moving a draft', json: { destinationId: folder } }
  await context.client.call(call, signal)
}

function into(context: GraphContext, folder: string): GraphCall {
  return { method: 'POST', path: `${folderPath(context, folder)}/messages`, what: 'storing a message' }
}

function lost(code: string, status: number, hint: string): ProbeFinding {
  return { code, state: 'adverse', text: `answered ${status}, and nothing was stored`, hint }
}

function sample(name: string, bytes: number): Buffer {
  const head = `From: doctor@sealpost.invalid\r\nTo: doctor@sealpost.invalid\r\nSubject: sealpost doctor, ${name}\r\nDate: Thu, 14 Mar 2019 09:26:53 +0000\r\nMessage-ID: <${name}-${bytes}@sealpost.invalid>\r\n\r\n`
  const lines = `${'x'.repeat(70)}\r\n`.repeat(Math.ceil(bytes / 72))
  return Buffer.from(`${head}${lines}`.slice(0, Math.max(bytes, head.length)))
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64')
}

function secondOf(instant: number): number {
  return Math.floor(instant / 1000) * 1000
}
