import { formatPath } from '../../src/core/mailbox-path.ts'
import { ONE_WAY, ONE_WAY_BELOW } from '../hostile/names.ts'
import { fillAccount } from './fill.ts'
import { judge, type Verdict } from './judge.ts'
import { MatrixProject } from './project.ts'
import { wireName, witness, type RunningServer } from './servers.ts'

/** What came of moving the whole corpus from one server to another, and the names of its mailboxes back again. */
export interface Journey extends Verdict {
  /** Mailboxes that go under another name, as the plan printed them. */
  readonly renamed: readonly string[]
}

/** Accounts of one journey, in the order of their use. */
export interface Travellers {
  readonly from: string
  readonly to: string
  /** Null where nobody is to go home. */
  readonly home: string | null
}

/**
 * Fills an account, plans, runs, verifies and judges; runs again; then moves the copy home into a third account. The
 * mapping has to be injective, the plan's names those that are there afterwards, and the names at home the first ones.
 */
export async function travel(
  source: RunningServer,
  destination: RunningServer,
  names: Travellers,
): Promise<Journey> {
  const filled = await fillAccount(() => witness(source, names.from), source.kind)
  const { client } = filled
  const project = new MatrixProject(source, names.from, destination, names.to)
  const wrong: string[] = []
  try {
    const plan = await project.plan()
    if (plan.error !== null) throw plan.error
    const planned = plan.mailboxes.map(({ destinationPath }) => formatPath(destinationPath))
    if (new Set(planned).size !== planned.length) wrong.push('the plan sends two mailboxes to one')
    const { pairs } = await project.run()
    const error = pairs[0]?.error ?? null
    if (error !== null) wrong.push(`the run ended with ${error.kind}: ${error.message} ${error.serverText ?? ''}`)
    const findings = await project.verify()
    const there = await witness(destination, names.to)
    const wanted = new Set(
      plan.mailboxes.map(({ destinationPath }) => wireName(destinationPath, destination.kind)),
    )
    const found = new Set((await there.mailboxes()).filter(isSelectable).map(({ name }) => name))
    const refused = findings.filter(({ check, actual }) => check === 'mailbox' && actual.startsWith('refused: '))
    const records = refused.map(({ mailboxId }) => project.ledger.mailbox(mailboxId))
    const missing = new Set(records.map((record) => wireName(record.destination.path, destination.kind)))
    for (const name of wanted) {
      if (!found.has(name) && !missing.has(name)) wrong.push(`planned, and not there: ${name}`)
    }
    // What a server makes by itself has no mail in it.
    for (const name of found) {
      if (!wanted.has(name) && (await there.messages(name)).length > 0)
        wrong.push(`there, and not planned: ${name}`)
    }
    const verdict = await judge({
      source: { kind: source.kind, client, filled },
      destination: { kind: destination.kind, client: there },
      ledger: project.ledger,
      pair: project.pair,
      findings,
    })
    wrong.push(...verdict.wrong)
    const before = await messagesIn(there)
    await project.run()
    if ((await messagesIn(there)) !== before) wrong.push('a second run sent something')
    const lost = new Set(records.map((record) => wireName(record.sourcePath, source.kind)))
    if (names.home !== null)
      wrong.push(...(await goHome(source, destination, { ...names, home: names.home }, lost)))
    there.close()
    const renamed = plan.mailboxes
      .filter(({ sourcePath, destinationPath }) => formatPath(sourcePath) !== formatPath(destinationPath))
      .map(({ sourcePath, destinationPath }) => `${formatPath(sourcePath)} → ${formatPath(destinationPath)}`)
    return { results: verdict.results, wrong, renamed }
  } finally {
    client.close()
    project.close()
  }
}

/** Moves the copy back into an empty account of the first server and compares the names. */
async function goHome(
  source: RunningServer,
  destination: RunningServer,
  names: Travellers & { readonly home: string },
  refused: ReadonlySet<string>,
): Promise<string[]> {
  const back = new MatrixProject(destination, names.to, source, names.home)
  try {
    const { pairs } = await back.run()
    const error = pairs[0]?.error ?? null
    if (error !== null) return [`the way home ended with ${error.kind}: ${error.message}`]
    const namesOf = async (user: string): Promise<Set<string>> => {
      const client = await witness(source, user)
      const found = (await client.mailboxes()).filter(isSelectable).map(({ name }) => name)
      client.close()
      const isOneWay = (name: string): boolean =>
        ONE_WAY.test(name) || (source.kind.prefix !== destination.kind.prefix && ONE_WAY_BELOW.test(name))
      return new Set(found.filter((name) => !isOneWay(name)))
    }
    const [first, last] = [await namesOf(names.from), await namesOf(names.home)]
    const lost = [...first].filter((name) => !last.has(name) && !refused.has(name))
    // A server may make the levels between into mailboxes, which then come home as such.
    const isParent = (name: string): boolean =>
      [...first].some((other) => other.startsWith(name + source.kind.delimiter))
    const strange = [...last].filter((name) => !first.has(name) && !isParent(name))
    return [
      ...lost.map((name) => `did not come home: ${name}`),
      ...strange.map((name) => `came home by another name: ${name}`),
    ]
  } finally {
    back.close()
  }
}

async function messagesIn(client: Awaited<ReturnType<typeof witness>>): Promise<number> {
  let count = 0
  for (const { name } of (await client.mailboxes()).filter(isSelectable))
    count += (await client.messages(name)).length
  return count
}

function isSelectable({ attributes }: { readonly attributes: readonly string[] }): boolean {
  return !attributes.some((attribute) => /^\\(noselect|nonexistent)$/i.test(attribute))
}
