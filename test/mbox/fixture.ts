import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createMboxConnector } from '../../connectors/mbox/mbox-connector.ts'
import type { MboxOptions } from '../../connectors/mbox/options.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { SourceSession } from '../../src/core/connector.ts'
import type { Listed } from '../../src/core/mail.ts'
import { bodyOf, collect, findMailbox, list, quiet } from '../conformance/bench.ts'

/** A folder of one test, which is removed with it. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mbox-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Writes files below a new folder, and returns it. Text is written as Latin-1, so that each character is a byte. */
export async function makeTree(files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  const folder = await makeFolder()
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), content, 'latin1')
  }
  return folder
}

/** A session on what lies at a path. */
export function openMbox(path: string, options: Partial<MboxOptions> = {}): Promise<SourceSession> {
  const connector = createMboxConnector({ path: () => path, clock: systemClock, quoting: 'mboxrd', ...options })
  return connector.openSource('anna', quiet)
}

/** A message as a session shows it. */
export interface Shown extends Listed {
  readonly text: string
}

/** The messages of a mailbox, in the order of the listing. */
export async function show(session: SourceSession, path: readonly string[]): Promise<readonly Shown[]> {
  const mailbox = await findMailbox(session, path)
  const { messages } = await list(session, mailbox, null)
  const texts = new Map<string, string>()
  for await (const fetched of session.fetch(mailbox, [...messages.keys()], quiet)) {
    texts.set(fetched.key, Buffer.from(await bodyOf(fetched)).toString('latin1'))
  }
  return [...messages.values()].map((listed) => ({ ...listed, text: texts.get(listed.key) ?? '' }))
}

/** The paths of the mailboxes that can be opened, sorted, with `/` between levels. */
export async function pathsOf(session: SourceSession): Promise<readonly string[]> {
  const mailboxes = await collect(session.listMailboxes(quiet))
  return mailboxes
    .filter(({ selectable }) => selectable)
    .map(({ path }) => path.join('/'))
    .sort()
}
