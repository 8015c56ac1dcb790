import type { Clock } from '../../core/clock.ts'
import type { Capabilities, Connector, Session } from '../../core/connector.ts'
import { counted } from '../../core/counted.ts'
import { isKind, throwIfAborted, toSealpostError, type SealpostError } from '../../core/errors.ts'
import type { LoginGate } from '../../core/login-gate.ts'
import type { Mailbox, Quota } from '../../core/mail.ts'
import { factOf, type ProbeFinding } from '../../core/probe.ts'
import { formatSize } from '../config/units.ts'
import type { Side } from '../project/account-login.ts'
import { roundTrip } from './round-trip.ts'

/** One account at one end. */
export interface EndCheck {
  readonly side: Side
  readonly account: string
  readonly findings: readonly ProbeFinding[]
  /** What ended the check before its time. */
  readonly error: SealpostError | null
}

/** What an end is looked at with. */
export interface EndTools {
  readonly connector: Connector
  readonly gate: LoginGate
  readonly clock: Clock
  /** Store messages at a destination too. */
  readonly write: boolean
}

/**
 * Looks at one account at one end over one session: login, capabilities, names, mailboxes, quota, what the end says of itself
 * and, where asked for, a round trip. A failure of the end is part of the answer; throws `cancelled` alone.
 */
export async function checkEnd(
  side: Side,
  account: string,
  tools: EndTools,
  signal: AbortSignal,
): Promise<EndCheck> {
  const { connector, gate } = tools
  const findings: ProbeFinding[] = []
  let session: Session | null = null
  try {
    const credential = `${side} ${connector.credentialOf?.(account) ?? account}`
    const destination =
      side === 'destination'
        ? await gate.enter(credential, account, () => connector.openDestination(account, signal))
        : null
    session = destination ?? (await gate.enter(credential, account, () => connector.openSource(account, signal)))
    findings.push(factOf('login', 'logged in'))
    for await (const finding of ask(session, signal)) findings.push(finding)
    if (destination !== null && tools.write) {
      for await (const finding of roundTrip(destination, tools.clock, signal)) findings.push(finding)
      if (connector.probeSessions !== undefined) findings.push(await connector.probeSessions(account, 1, signal))
    }
    if (session.probe !== undefined && findings.every(({ code }) => code !== 'clock-skew')) {
      findings.push({
        code: 'clock-skew',
        state: 'unknown',
        text: 'its clock was not compared with ours: this end shows it only when something is stored',
        hint: destination === null ? 'nothing is ever stored at a source' : 'doctor --write compares them',
      })
    }
    return { side, account, findings, error: null }
  } catch (error) {
    throwIfAborted(signal)
    if (isKind(error, 'bug')) throw error
    return { side, account, findings, error: toSealpostError(error, `${side} ${account}`) }
  } finally {
    await session?.close()
  }
}

async function* ask(session: Session, signal: AbortSignal): AsyncGenerator<ProbeFinding> {
  if (session.probe !== undefined) yield* session.probe(signal)
  yield* capabilityFindings(session.capabilities)
  const { delimiter, forbidden, maxLevelBytes, caseSensitive } = session.naming
  yield factOf(
    'naming',
    `${delimiter === null ? 'mailboxes without levels' : `"${delimiter}" between levels`}, levels up to ${maxLevelBytes} bytes, ` +
      `${caseSensitive ? 'capitals count' : 'capitals do not count'}${forbidden === '' ? '' : `, never ${forbidden}`}`,
  )
  yield await mailboxFinding(session, signal)
  yield quotaFinding(await session.quota(signal))
}

function capabilityFindings(capabilities: Capabilities): readonly ProbeFinding[] {
  const { sessions, appendBatch, maxMessageBytes, keyOnAppend, delta, keywords, merges } = capabilities
  const facts = [
    `${counted(sessions, 'session')} an account`,
    appendBatch.messages === 1 ? 'one message at a time' : `${appendBatch.messages} messages at a time`,
    maxMessageBytes === null ? 'no announced limit of a message' : `messages up to ${formatSize(maxMessageBytes)}`,
    keyOnAppend ? 'names what it stored' : 'does not name what it stored',
    `changes by ${delta}`,
    `keywords: ${keywords}`,
  ]
  const findings = [factOf('capabilities', facts.join(', '))]
  if (!capabilities.keepsBytes) {
    findings.push(factOf('renders-anew', 'this end renders mail anew: content is compared, not bytes'))
  }
  if (merges === 'message-id') {
    findings.push(factOf('merges', 'this end makes messages of equal Message-ID one; they are counted apart'))
  }
  return findings
}

async function mailboxFinding(session: Session, signal: AbortSignal): Promise<ProbeFinding> {
  const mailboxes: Mailbox[] = []
  for await (const mailbox of session.listMailboxes(signal)) mailboxes.push(mailbox)
  const special = mailboxes.flatMap(({ specialUse }) => specialUse ?? [])
  const named =
    special.length === 0 ? 'none of them marked for a use' : `marked: ${[...special].sort().join(', ')}`
  return factOf('mailboxes', `${counted(mailboxes.length, 'mailbox', 'mailboxes')}, ${named}`)
}

function quotaFinding(quota: Quota | null): ProbeFinding {
  if (quota === null) return factOf('quota', 'the end tells no quota')
  const { usedBytes, limitBytes } = quota
  if (limitBytes === null) return factOf('quota', `${formatSize(usedBytes)} in use, no limit`)
  const isFull = usedBytes >= limitBytes
  return {
    code: 'quota',
    state: isFull ? 'adverse' : 'good',
    text: `${formatSize(usedBytes)} of ${formatSize(limitBytes)} in use`,
    hint: isFull ? 'have the quota raised before the work begins' : null,
  }
}
