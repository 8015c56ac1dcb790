import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Command } from 'commander'
import { counted } from '../../core/counted.ts'
import { isKind, SealpostError } from '../../core/errors.ts'
import type { DeletionCertificate } from '../../core/certificate.ts'
import type { Obstacle } from '../../signoff/gate.ts'
import type { IssuedCertificate, PurgePorts } from '../../signoff/ports.ts'
import { isCommitted, type PurgeState, type PurgeStep, type SignoffRequest } from '../../signoff/state.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { STATE_FOLDER, type ProjectFolder } from '../project/folder.ts'
import type { ProjectLock } from '../project/lock.ts'
import { Reasons, signoffOptions, toRequest, type RawSignoff } from '../signoff/options.ts'
import type { SignoffBooks } from '../signoff/records.ts'
import type { SigningPeople } from '../signoff/people.ts'
import type { PurgeSubject } from '../signoff/ports.ts'

/** What a sign-off works with besides its context. */
interface Session {
  readonly people: SigningPeople
  readonly books: SignoffBooks
  readonly projectId: string
}

/** `signoff`: destroys what is held of the project and issues the certificate. */
export function addSignoff(program: Command, start: Start): void {
  const reasons = new Reasons()
  const command = program
    .command('signoff')
    .description('end the project: destroy its keys and everything it kept, and issue the deletion certificate')
  for (const option of signoffOptions(reasons)) command.addOption(option)
  command.action((raw: RawSignoff) => start((context) => signoff(raw, reasons, context)))
}

async function signoff(raw: RawSignoff, reasons: Reasons, context: CommandContext): Promise<ExitCode> {
  const { findSignoff } = await import('../signoff/find.ts')
  const found = await findSignoff(context)
  if (found.kind === 'certificate') return showCertificate(found.certificate, context)
  const projectId = found.kind === 'project' ? found.folder.record.id : found.journal.project.id
  const committed = found.journal !== null && isCommitted(found.journal)
  // Told before a passphrase is asked for.
  const request = committed ? found.journal.request : toRequest(raw, reasons)
  if (committed) warnAboutResumption(found.journal, raw, context)
  const { forgetLock, lockSignoff } = await import('../signoff/journal.ts')
  const lock = await lockSignoff(context.home, projectId, context.clock)
  try {
    const folder = found.kind === 'project' ? found.folder : null
    return await withProjectLock(folder, context, () =>
      withSession(raw, projectId, committed ? found.journal : null, context, (session) =>
        committed
          ? resume(session, found.journal, folder, context)
          : begin(
              session,
              requireFolder(folder),
              request,
              { earlier: found.journal, confirmed: raw.confirm ?? null },
              context,
            ),
      ),
    )
  } finally {
    await lock.release()
    await forgetLock(context.home, projectId)
  }
}

/** Passes the gate and begins, or begins anew where nothing has been destroyed yet. */
async function begin(
  session: Session,
  folder: ProjectFolder,
  request: SignoffRequest,
  { earlier, confirmed }: { readonly earlier: PurgeState | null; readonly confirmed: string | null },
  context: CommandContext,
): Promise<ExitCode> {
  const { identityOf, passGate } = await import('../signoff/gate.ts')
  const { beginPurge } = await import('../../signoff/run-purge.ts')
  const { people, books } = session
  const { facts, obstacles } = await passGate(context, folder, people, books, request, confirmed)
  if (facts === null) {
    await books.audit.note('signoff-started', 'refused', null, { reasons: obstacles.length })
    return refuse(obstacles, context)
  }
  const { ports } = await portsOf(session, context, {
    folder: folder.path,
    state: folder.state,
    projectId: folder.record.id,
    accountList: facts.accountList,
    mailStores: facts.mailStores,
    slotFolder: facts.keys.slotFolder,
  })
  const start = { certificateId: `urn:uuid:${randomUUID()}`, project: identityOf(folder), request, facts }
  return finish(ports, await beginPurge(ports, start, earlier), context)
}

/** Goes on with a purge that was interrupted after it had begun to destroy. */
async function resume(
  session: Session,
  journal: PurgeState,
  folder: ProjectFolder | null,
  context: CommandContext,
): Promise<ExitCode> {
  const { resumePurge } = await import('../../signoff/run-purge.ts')
  const path = folder?.path ?? journal.project.folder
  const { ports } = await portsOf(session, context, {
    folder: path,
    state: join(path, STATE_FOLDER),
    projectId: journal.project.id,
    accountList: journal.facts.accountList,
    mailStores: journal.facts.mailStores,
    slotFolder: journal.facts.keys.slotFolder,
  })
  const state = { ...journal, project: { ...journal.project, folder: path } }
  return finish(ports, await resumePurge(ports, state), context)
}

async function finish(ports: PurgePorts, state: PurgeState, context: CommandContext): Promise<ExitCode> {
  const { runPurge } = await import('../../signoff/run-purge.ts')
  const { SearchHits } = await import('../../signoff/steps.ts')
  try {
    const { certificate } = await runPurge(ports, state, context.stop)
    return await showCertificate(certificate, context)
  } catch (error) {
    if (error instanceof SealpostError && error.cause instanceof SearchHits) {
      for (const { path, name, form } of error.cause.hits)
        context.output.warn(`found in ${path}: ${name}, ${form}`)
    }
    throw error
  }
}

async function portsOf(
  { people, books }: Session,
  context: CommandContext,
  subject: PurgeSubject,
): Promise<{ readonly ports: PurgePorts }> {
  const { purgePortsOf } = await import('../signoff/ports.ts')
  const { createIssuer } = await import('../signoff/issuer.ts')
  const { stepLine } = await import('../signoff/step-words.ts')
  const { certificate, operator, second } = people
  const issuer = createIssuer(subject.folder, { certificate, operator, second })
  const progress = (step: PurgeStep): void => context.output.line(stepLine(step))
  return { ports: await purgePortsOf(context, subject, people, books, issuer, progress) }
}

async function withSession<T>(
  raw: RawSignoff,
  projectId: string,
  resumed: PurgeState | null,
  context: CommandContext,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const { gatherPeople } = await import('../signoff/people.ts')
  const { noteUnlock } = await import('../books/desk.ts')
  const { openBooks } = await import('../books/open-books.ts')
  const { signoffBooksOf } = await import('../signoff/records.ts')
  const { sshFingerprint } = await import('../../../vault/ssh-key.ts')
  if (resumed?.second != null && raw.second === undefined) {
    throw new SealpostError('policy', `this sign-off was begun with ${resumed.second} as the second person`, {
      hint: 'name a second person again: --second OPERATOR',
      code: 'DUAL_CONTROL',
    })
  }
  const people = await gatherPeople(context, {
    second: raw.second ?? null,
    secondPassphraseFd: raw.secondPassphraseFd ?? null,
    secondKeyFile: raw.secondKeyFile ?? null,
  })
  try {
    const opened = await openBooks(context.home, people.operator, context.clock)
    const second = people.second === null ? {} : { second: people.second.name }
    await noteUnlock(opened, people.operator, second, context.stop)
    const { authorize } = await import('../access/authorize.ts')
    const { proveFactor } = await import('../access/second-factor.ts')
    const { command, totpFd } = context.options
    const source = { descriptor: totpFd, option: '--totp-fd' }
    const books = await proveFactor(context, people.operator, opened, command, source)
    await authorize(books, command, { project: projectId }, context.stop)
    if (people.second !== null) {
      const beside = await openBooks(context.home, people.second, context.clock)
      const from = { descriptor: raw.secondTotpFd ?? null, option: '--second-totp-fd' }
      const theirs = await proveFactor(context, people.second, beside, 'signoff second', from)
      await authorize(theirs, 'signoff second', { project: projectId }, context.stop)
    }
    const fingerprint = sshFingerprint(people.certificate.publicKey)
    return await work({ people, books: signoffBooksOf(books, projectId, fingerprint, context.stop), projectId })
  } finally {
    people.close()
  }
}

/** Keeps every other process away from the project while it is there. Throws `policy` while one works on it or reads it. */
async function withProjectLock<T>(
  folder: ProjectFolder | null,
  context: CommandContext,
  work: () => Promise<T>,
): Promise<T> {
  if (folder === null) return work()
  const { lockProject } = await import('../project/lock.ts')
  const { assertNoReaders } = await import('../project/readers.ts')
  let lock: ProjectLock
  try {
    lock = await lockProject(folder.state, context.clock)
  } catch (error) {
    if (!isKind(error, 'busy')) throw error
    throw new SealpostError('policy', `a run is active: ${error.message}`, {
      hint: 'wait for it, or stop it with Ctrl-C',
      code: 'RUN_ACTIVE',
      cause: error,
    })
  }
  try {
    await assertNoReaders(folder.state, context.clock, context.stop)
    return await work()
  } finally {
    await lock.release()
  }
}

function refuse(obstacles: readonly Obstacle[], { output }: CommandContext): ExitCode {
  const reasons = counted(obstacles.length, 'reason')
  output.warn(`the project cannot be signed off yet: ${reasons}`)
  for (const { text, hint } of obstacles) output.line(`  ${text} — ${hint}`)
  output.document({ signedOff: false, refused: obstacles })
  return EXIT.policy
}

async function showCertificate(certificate: IssuedCertificate, context: CommandContext): Promise<ExitCode> {
  const { checkCertificate } = await import('../signoff/certificate-check.ts')
  const { CERTIFICATE_FILE } = await import('../../core/certificate.ts')
  const { output } = context
  const file = join(certificate.folder, CERTIFICATE_FILE)
  const verdict = await checkCertificate(file, null)
  if (!verdict.good) {
    throw new SealpostError('corrupt', `${file} does not verify: ${verdict.faults.join('; ')}`, {
      hint: 'bring the folder back as it was issued',
    })
  }
  const document: DeletionCertificate = verdict.certificate
  const risks = document.residualRisks.filter(({ state }) => state !== 'inherent').length
  output.line(output.paint('green', `Signed off: ${document.project.client}`))
  output.line(`  certificate     ${file}`)
  output.line(`  id              ${document.id}`)
  output.line(`  SHA-256         ${certificate.sha256}`)
  output.line(`  signed with     ${verdict.fingerprint ?? ''}`)
  output.line(`  method          ${document.sanitization.method}`)
  output.line(`  delivery        ${document.delivery.certified ? 'certified' : 'not certified: abandoned'}`)
  if (document.process.resumptions.length > 0) {
    output.line(`  interruptions   ${document.process.resumptions.length}, stated in the certificate`)
  }
  output.line(`  residual risks  ${document.residualRisks.length}, of which ${risks} of this workstation`)
  for (const { credential, revoked } of document.clientMustRotate) {
    if (!revoked) output.line(`  the client must change: ${credential}`)
  }
  output.line(
    'Give the client the whole folder certificate/, and see that the fingerprint is compared (VERIFY.txt).',
  )
  output.document({
    signedOff: true,
    certificate: {
      file,
      id: document.id,
      sha256: certificate.sha256,
      fingerprint: verdict.fingerprint,
      issued: document.issued.at,
      method: document.sanitization.method,
      deliveryCertified: document.delivery.certified,
      resumptions: document.process.resumptions.length,
      residualRisks: document.residualRisks.length,
      clientMustRotate: document.clientMustRotate
        .filter(({ revoked }) => !revoked)
        .map(({ credential }) => credential),
    },
  })
  return EXIT.complete
}

function warnAboutResumption(journal: PurgeState, raw: RawSignoff, { output }: CommandContext): void {
  output.warn(`going on with the sign-off that ${journal.startedBy} began at ${journal.startedAt}`)
  if (raw.by !== undefined && raw.by !== journal.request.by) {
    output.warn(`it was begun for ${journal.request.by}; that stays, since keys have been destroyed already`)
  }
}

function requireFolder(folder: ProjectFolder | null): ProjectFolder {
  if (folder !== null) return folder
  throw new SealpostError('corrupt', 'the project is gone, and its sign-off had not begun to destroy anything', {
    hint: 'bring the project folder back, or remove its folder below signoff/ of the workspace',
  })
}
