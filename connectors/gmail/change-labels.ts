import type { Outcome } from '../../src/core/connector.ts'
import { isKind, SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import type { FlagChange, FlagRefusal, Mailbox } from '../../src/core/mail.ts'
import type { Context } from './context.ts'
import { validityOf } from './find.ts'
import { labelChange } from './label-flags.ts'
import { FIXED_LABELS, type Label } from './labels.ts'

interface LabelChange {
  readonly add: readonly string[]
  readonly remove: readonly string[]
}

/** From so many equal changes on one request for all is cheaper than one for each. */
const WORTH_A_BATCH = 10
const MOST_IN_A_BATCH = 1000

/**
 * `DestinationSession.setFlags`. Flags that Gmail cannot keep are refused by name. Equal changes of many messages go as
 * one request.
 */
export async function setFlags(
  context: Context,
  changes: readonly FlagChange[],
  signal: AbortSignal,
): Promise<readonly FlagRefusal[]> {
  const refusals: FlagRefusal[] = []
  const groups = new Map<string, { readonly change: LabelChange; readonly keys: string[] }>()
  for (const { key, add, remove } of changes) {
    const change = { add: new Set<string>(), remove: new Set<string>() }
    for (const flag of add) {
      const labels = labelChange(flag, 'add')
      if (labels === null) refusals.push({ key, flag, reason: 'Gmail has no such mark' })
      for (const label of labels?.add ?? []) change.add.add(label)
      for (const label of labels?.remove ?? []) change.remove.add(label)
    }
    for (const flag of remove) {
      const labels = labelChange(flag, 'remove')
      for (const label of labels?.add ?? []) change.add.add(label)
      for (const label of labels?.remove ?? []) change.remove.add(label)
    }
    if (change.add.size + change.remove.size === 0) continue
    const plain = { add: [...change.add].sort(), remove: [...change.remove].sort() }
    const name = JSON.stringify(plain)
    const group = groups.get(name) ?? { change: plain, keys: [] }
    group.keys.push(key)
    groups.set(name, group)
  }
  for (const { change, keys } of groups.values()) await changeMany(context, keys, change, signal)
  return refusals
}

/** `DestinationSession.move`: the one label goes, the other comes. */
export async function move(
  context: Context,
  from: Mailbox,
  keys: readonly string[],
  to: Mailbox,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const origin = await context.labels.of(from, signal)
  const target = await context.labels.of(to, signal)
  const outcomes: Outcome[] = []
  for (const key of keys) {
    throwIfAborted(signal)
    try {
      const change = moveBetween(origin, target)
      if (change.add.length + change.remove.length > 0) await changeOne(context, key, change, signal)
      outcomes.push({ kind: 'landed', key, validity: validityOf(target) })
    } catch (error) {
      if (!isKind(error, 'not-found', 'rejected')) throw error
      outcomes.push({ kind: 'refused', error })
    }
  }
  return outcomes
}

/** `DestinationSession.addToMailbox`. Throws `not-found` for an unknown key, `rejected` for a label that Gmail sets by itself. */
export async function addToMailbox(
  context: Context,
  key: string,
  mailbox: Mailbox,
  signal: AbortSignal,
): Promise<void> {
  const label = await context.labels.of(mailbox, signal)
  await changeOne(context, key, { add: label.id === null ? [] : [label.id], remove: [] }, signal)
  context.mark = context.taken
}

/** What a move comes to. Throws `rejected` where Gmail has fixed the label. */
function moveBetween(origin: Label, target: Label): LabelChange {
  const add = target.id === null || target.id === origin.id ? [] : [target.id]
  const remove = origin.id === null || target.id === origin.id ? [] : [origin.id]
  if ([...add, ...remove].some((label) => FIXED_LABELS.has(label))) {
    throw new SealpostError(
      'rejected',
      'Gmail: a message stays in Sent or Drafts, and comes there by itself only',
      {
        code: 'FIXED_LABEL',
      },
    )
  }
  return { add, remove }
}

async function changeOne(context: Context, key: string, change: LabelChange, signal: AbortSignal): Promise<void> {
  context.check(signal)
  if (change.add.some((label) => FIXED_LABELS.has(label))) {
    throw new SealpostError('rejected', 'Gmail: a message comes to Sent or Drafts by itself only', {
      code: 'FIXED_LABEL',
    })
  }
  const { service } = context.api
  await context.api.call(
    'changing labels',
    'modify',
    (options) =>
      service.users.messages.modify(
        {
          userId: 'me',
          id: key,
          fields: 'id',
          requestBody: { addLabelIds: [...change.add], removeLabelIds: [...change.remove] },
        },
        options,
      ),
    signal,
  )
}

/** Changes what is there; what is gone is passed over. */
export async function changeMany(
  context: Context,
  keys: readonly string[],
  change: LabelChange,
  signal: AbortSignal,
): Promise<void> {
  const { service } = context.api
  for (let start = 0; start < keys.length; start += MOST_IN_A_BATCH) {
    const ids = keys.slice(start, start + MOST_IN_A_BATCH)
    if (ids.length >= WORTH_A_BATCH) {
      context.check(signal)
      const requestBody = { ids, addLabelIds: [...change.add], removeLabelIds: [...change.remove] }
      try {
        await context.api.call(
          'changing labels',
          'batch-modify',
          (options) => service.users.messages.batchModify({ userId: 'me', requestBody }, options),
          signal,
        )
        continue
      } catch (error) {
        // One that is gone may fail all; each by itself says which.
        if (!isKind(error, 'not-found', 'rejected')) throw error
      }
    }
    for (const key of ids) {
      try {
        await changeOne(context, key, change, signal)
      } catch (error) {
        if (!isKind(error, 'not-found')) throw error
      }
    }
  }
}
