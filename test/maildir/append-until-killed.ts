import { createMaildirConnector } from '../../connectors/maildir/maildir-connector.ts'
import { systemClock } from '../../src/core/clock.ts'
import { findMailbox, landedKeys, quiet, toNew } from '../conformance/bench.ts'
import { mailNumber } from '../conformance/corpus.ts'

/** Stores batches in the Maildir that the first argument names, and says each time what landed, until it is killed. */
const path = process.argv[2] ?? ''
const session = await createMaildirConnector({ path: () => path, clock: systemClock }).openDestination(
  'anna',
  quiet,
)
const inbox = await findMailbox(session, ['INBOX'])
for (let number = 0; number < 10_000; number++) {
  const body = Buffer.from(`Subject: ${number}\r\n\r\n${`line ${number}\r\n`.repeat(3_000)}`)
  const batch = Array.from({ length: 20 }, () => toNew(mailNumber(number, { body, flags: ['\\Seen', 'Kept'] })))
  const keys = landedKeys(await session.append(inbox, batch, quiet))
  process.stdout.write(`${keys.join('\n')}\n`)
}
