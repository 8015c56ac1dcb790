import type { Outcome } from '../../src/core/connector.ts'
import { isKind, SealpostError } from '../../src/core/errors.ts'
import type { Mailbox, NewMessage } from '../../src/core/mail.ts'
import { announcedBytes } from '../shared/exact-body.ts'
import type { Context } from './context.ts'
import { validityOf } from './find.ts'
import { labelsOf } from './label-flags.ts'
import { upload } from './upload.ts'

/**
 * `DestinationSession.append`: one message, with its labels and marks in the same request. Gmail folds equal
 * Message-IDs: then the key is that of the message it had, which now has these labels as well.
 */
export async function append(
  context: Context,
  mailbox: Mailbox,
  batch: readonly NewMessage[],
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const [message] = batch
  if (message === undefined) return []
  if (batch.length > 1) throw new SealpostError('bug', 'Gmail: a batch of several messages')
  if (message.flags.some((flag) => flag.toLowerCase() === '\\deleted')) {
    throw new SealpostError('bug', 'Gmail: \\Deleted is set last, not by an append')
  }
  const label = await context.labels.of(mailbox, signal)
  const limit = context.api.limits.maxMessageBytes
  if (announcedBytes(message.body) > limit) {
    const text = `Gmail: the message is larger than the ${limit} bytes that it takes`
    return [{ kind: 'refused', error: new SealpostError('rejected', text, { code: 'TOOBIG' }) }]
  }
  const labels = [...new Set([...(label.id === null ? [] : [label.id]), ...labelsOf(message.flags)])]
  try {
    const uploaded = await upload(context.api, message.body, labels, signal)
    if (uploaded.kind === 'unknown') return [uploaded]
    context.mark = context.taken
    return [{ kind: 'landed', key: uploaded.id, validity: validityOf(label) }]
  } catch (error) {
    if (isKind(error, 'rejected', 'quota')) return [{ kind: 'refused', error }]
    throw error
  }
}
