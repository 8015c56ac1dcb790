import type { Outcome } from '../../src/core/connector.ts'
import { isKind, printable, SealpostError } from '../../src/core/errors.ts'
import type { FlagChange, FlagRefusal, Mailbox, Quota } from '../../src/core/mail.ts'
import { perCommand, type Context } from './context.ts'
import type { FetchRow } from './fetch-row.ts'
import { isSystemFlag, sendableFlags } from './flag-names.ts'
import { refusalOf } from './response-codes.ts'
import { listOf, parseStatus, parseTokens, textOf, type Untagged } from './response.ts'
import { selectSeeing, type Selection } from './selection.ts'
import { expandUids, uidOf, uidSets, uidsOf } from './uid-set.ts'
import { nameParts } from './wire-name.ts'

interface Store {
  readonly sign: '+' | '-'
  readonly flags: readonly string[]
  readonly uids: number[]
}

/**
 * Adds and removes flags with as few commands as there are different changes. What the server refuses is tried flag by
 * flag, and each flag that it does not store is reported. Twice is safe; messages that are gone are passed over.
 */
export async function setFlags(
  context: Context,
  mailbox: Mailbox,
  changes: readonly FlagChange[],
  signal: AbortSignal,
): Promise<readonly FlagRefusal[]> {
  if (changes.length === 0) return []
  const refusals: FlagRefusal[] = []
  const highest = Math.max(...changes.map(({ key }) => uidOf(key)))
  const selection = await selectSeeing(context, mailbox, true, highest, signal)
  for (const store of group(changes, selection, refusals)) {
    for (const set of uidSets(store.uids, perCommand(context, 2000))) {
      const reason = await storeFlags(context, set.text, store.sign, store.flags, signal)
      if (reason === null) continue
      for (const flag of store.flags) {
        const refused =
          store.flags.length === 1 ? reason : await storeFlags(context, set.text, store.sign, [flag], signal)
        if (refused !== null)
          for (const uid of set.uids) refusals.push({ key: String(uid), flag, reason: refused })
      }
    }
  }
  return refusals
}

function group(changes: readonly FlagChange[], selection: Selection, refusals: FlagRefusal[]): readonly Store[] {
  const stores = new Map<string, Store>()
  const put = (sign: '+' | '-', key: string, flags: readonly string[]): void => {
    const sendable = sendableFlags(flags)
    const kept = sendable.filter((flag) => isSystemFlag(flag) || isKept(flag, selection))
    if (sign === '+') {
      for (const flag of flags) {
        const asSent = sendableFlags([flag])[0]
        if (asSent === undefined) refusals.push({ key, flag, reason: 'no flag that a server can be told' })
        else if (!kept.includes(asSent)) refusals.push({ key, flag, reason: 'the mailbox keeps no such keyword' })
      }
    }
    if (kept.length === 0) return
    const id = `${sign}${kept.join(' ')}`
    const store = stores.get(id) ?? { sign, flags: kept, uids: [] }
    stores.set(id, store)
    store.uids.push(uidOf(key))
  }
  for (const change of changes) {
    put('+', change.key, change.add)
    put('-', change.key, change.remove)
  }
  for (const store of stores.values()) store.uids.sort((a, b) => a - b)
  return [...stores.values()]
}

function isKept(flag: string, selection: Selection): boolean {
  const folded = flag.toLowerCase()
  return selection.anyKeyword || selection.permanentFlags.some((known) => known.toLowerCase() === folded)
}

/** The server's words when it refused, else null. Throws what is not about the flags. */
async function storeFlags(
  context: Context,
  set: string,
  sign: '+' | '-',
  flags: readonly string[],
  signal: AbortSignal,
): Promise<string | null> {
  const reply = await context.connection.run(
    [`UID STORE ${set} ${sign}FLAGS.SILENT (${flags.join(' ')})`],
    {},
    signal,
  )
  if (reply.status === 'OK' || reply.code === 'EXPUNGEISSUED') return null
  const refusal = refusalOf(reply, 'imap: changing flags')
  if (refusal.kind !== 'rejected') throw refusal
  return printable(reply.text)
}

/**
 * Moves messages (RFC 6851); one outcome a key. What is no longer there is `not-found`. A connection that is lost
 * leaves them `unknown`, a move being all that was asked.
 */
export async function move(
  context: Context,
  from: Mailbox,
  keys: readonly string[],
  to: Mailbox,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  if (!context.features.move) throw new SealpostError('bug', 'imap: the server has no MOVE')
  const wanted = uidsOf(keys)
  await selectSeeing(context, from, true, Math.max(0, ...wanted), signal)
  const outcomes = new Map<number, Outcome>()
  for (const set of uidSets(wanted, perCommand(context, 1000))) {
    const present = new Set<number>()
    const onRow = ({ uid }: FetchRow): void => {
      if (uid !== undefined) present.add(uid)
    }
    const look = `UID FETCH ${set.text} (UID)`
    await context.connection.expectOk([look], { onRow }, 'imap: looking before moving', signal)
    const there = set.uids.filter((uid) => present.has(uid))
    for (const part of uidSets(there, 1000)) await moveSet(context, part, to, outcomes, signal)
  }
  const gone: Outcome = {
    kind: 'refused',
    error: new SealpostError('not-found', 'imap: the message is no longer there', { code: 'GONE' }),
  }
  return keys.map((key) => outcomes.get(uidOf(key)) ?? gone)
}

async function moveSet(
  context: Context,
  set: { readonly text: string; readonly uids: readonly number[] },
  to: Mailbox,
  outcomes: Map<number, Outcome>,
  signal: AbortSignal,
): Promise<void> {
  const targets = new Map<number, string>()
  let validity: string | null = null
  const note = (text: string): void => {
    const [found, sources, copies] = text.trim().split(/\s+/)
    const old = expandUids(sources ?? '', 10_000) ?? []
    const made = expandUids(copies ?? '', 10_000) ?? []
    if (found === undefined || old.length !== made.length) return
    validity = found
    old.forEach((uid, index) => targets.set(uid, String(made[index])))
  }
  const take = {
    OK: (response: Untagged): void => {
      const status = parseStatus(`OK ${response.text}`)
      if (status?.code === 'COPYUID') note(status.codeText)
    },
  }
  const sent = { lastByte: false }
  const options = { take, onHandingOver: (): void => void (sent.lastByte = true) }
  try {
    const reply = await context.connection.run([`UID MOVE ${set.text} `, ...nameParts(to.name)], options, signal)
    if (reply.status !== 'OK') {
      const error = refusalOf(reply, 'imap: moving messages')
      for (const uid of set.uids) outcomes.set(uid, { kind: 'refused', error })
      return
    }
    if (reply.code === 'COPYUID') note(reply.codeText)
  } catch (cause) {
    if (!sent.lastByte || !isKind(cause)) throw cause
    const error = new SealpostError('unknown-outcome', 'imap: the connection was lost while messages were moved', {
      cause,
    })
    for (const uid of set.uids) outcomes.set(uid, { kind: 'unknown', error })
    return
  }
  for (const uid of set.uids) outcomes.set(uid, { kind: 'landed', key: targets.get(uid) ?? null, validity })
}

/** Storage used and allowed (RFC 9208), or null where the server does not say. */
export async function readQuota(context: Context, signal: AbortSignal): Promise<Quota | null> {
  if (!context.connection.has('QUOTA')) return (await context.guide?.quota(signal)) ?? null
  let found: Quota | null = null
  const take = {
    QUOTA: (response: Untagged): void => {
      const words = listOf(parseTokens(response.text, response.literals)[1]).map((token) => textOf(token) ?? '')
      for (let at = 0; at + 2 < words.length; at += 3) {
        if (words[at]?.toUpperCase() !== 'STORAGE' || found !== null) continue
        found = { usedBytes: Number(words[at + 1]) * 1024, limitBytes: Number(words[at + 2]) * 1024 }
      }
    },
  }
  const reply = await context.connection.run(['GETQUOTAROOT "INBOX"'], { take }, signal)
  return reply.status === 'OK' ? found : null
}
