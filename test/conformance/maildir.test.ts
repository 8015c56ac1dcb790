import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rename, rm, unlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMaildirConnector } from '../../connectors/maildir/maildir-connector.ts'
import { systemClock } from '../../src/core/clock.ts'
import { conformance } from './conformance.ts'
import type { Harness } from './harness.ts'
import { snapshotOf } from './snapshot.ts'

const LETTERS = new Map([
  ['\\Answered', 'R'],
  ['\\Flagged', 'F'],
  ['\\Seen', 'S'],
])

const harness: Harness = {
  bodies: 'exact',
  keepsNul: true,
  skips: {
    'a cursor from before a new validity is stale': 'a base name is never given twice: a Maildir has one validity',
  },
  setup: async (wish) => {
    const root = await mkdtemp(join(tmpdir(), 'maildir-'))
    const account = join(root, 'anna')
    for (const part of ['cur', 'new', 'tmp']) await mkdir(join(account, part), { recursive: true })
    return {
      connector: createMaildirConnector({
        path: (name) => join(root, name),
        clock: systemClock,
        ...(wish.largeMessageBytes === undefined ? {} : { largeMessageBytes: wish.largeMessageBytes }),
      }),
      account: 'anna',
      outside: {
        deliver: async (path, { body, internalDate }) => {
          const name = `${Math.floor(Date.now() / 1000)}.${randomUUID()}.elsewhere`
          const file = join(folderOf(account, path), 'tmp', name)
          await writeFile(file, body)
          await utimes(file, new Date(internalDate), new Date(internalDate))
          await rename(file, join(folderOf(account, path), 'new', name))
        },
        expunge: async (path, key) => {
          const directory = folderOf(account, path)
          for (const place of ['new', 'cur']) {
            for (const name of await readdir(join(directory, place))) {
              if (name.split(':')[0] === key) await unlink(join(directory, place, name))
            }
          }
        },
        setFlags: async (path, key, flags) => {
          const directory = join(folderOf(account, path), 'cur')
          const letters = flags.map((flag) => LETTERS.get(flag) ?? '').sort()
          for (const name of await readdir(directory)) {
            if (name.split(':')[0] !== key) continue
            await rename(join(directory, name), join(directory, `${key}:2,${letters.join('')}`))
          }
        },
      },
      snapshot: () => snapshotOf(account),
      cleanup: () => rm(root, { recursive: true, force: true }),
    }
  },
}

conformance('maildir', harness)

function folderOf(account: string, path: readonly string[]): string {
  return path.length === 1 && path[0] === 'INBOX' ? account : join(account, `.${path.join('.')}`)
}
