import { formatInstant } from '../core/clock.ts'
import { SealpostError, throwIfAborted, toSealpostError } from '../core/errors.ts'
import type { CertificateIssuer, IssuedCertificate, PurgePorts } from './ports.ts'
import { createSteps, type PurgeMemory, type StepActions } from './steps.ts'
import {
  nextStep,
  PURGE_STEPS,
  type ProjectFacts,
  type ProjectIdentity,
  type PurgeState,
  type PurgeStep,
  type SignoffRequest,
  type StepState,
} from './state.ts'

/** What a purge begins with. */
export interface PurgeStart {
  readonly certificateId: string
  readonly project: ProjectIdentity
  readonly request: SignoffRequest
  readonly facts: ProjectFacts
}

/** How a purge ended. */
export interface PurgeOutcome {
  readonly certificate: IssuedCertificate
  readonly state: PurgeState
}

/**
 * Begins a purge, or begins it anew where an earlier attempt was interrupted before anything was destroyed: the facts are
 * found out anew, and the interruption stays on record. Nothing is destroyed by this call.
 */
export async function beginPurge(
  ports: PurgePorts,
  start: PurgeStart,
  earlier: PurgeState | null,
): Promise<PurgeState> {
  const at = formatInstant(ports.clock.now())
  const interrupted = earlier === null ? null : (nextStep(earlier) ?? 'stop-writers')
  const by = ports.issuer.facts.operator.name
  const state: PurgeState = {
    version: 1,
    ...start,
    certificateId: earlier?.certificateId ?? start.certificateId,
    startedAt: earlier?.startedAt ?? at,
    startedBy: earlier?.startedBy ?? by,
    second: ports.issuer.facts.second?.name ?? null,
    steps: {},
    resumptions: [
      ...(earlier?.resumptions ?? []),
      ...(interrupted === null ? [] : [{ at, step: interrupted, by }]),
    ],
    obstacles: earlier?.obstacles ?? [],
  }
  await ports.journal.write(state)
  if (earlier === null) {
    const { abandon, accept } = start.request
    await ports.audit.note('signoff-started', 'done', state.certificateId, {
      abandoned: abandon !== null,
      accepted: accept.length,
    })
  }
  return state
}

/** Notes in the journal that a committed purge is taken up again after a kill. */
export async function resumePurge(ports: PurgePorts, state: PurgeState): Promise<PurgeState> {
  const step = nextStep(state) ?? 'issue-certificate'
  const at = formatInstant(ports.clock.now())
  const resumed = {
    ...state,
    resumptions: [...state.resumptions, { at, step, by: ports.issuer.facts.operator.name }],
  }
  await ports.journal.write(resumed)
  return resumed
}

/**
 * Does what is left of a purge, each step recorded before and after (invariant 10). Throws `policy` for a hold and for
 * secrets or canaries that were found: the same command goes on once that is settled.
 */
export async function runPurge(ports: PurgePorts, begun: PurgeState, signal: AbortSignal): Promise<PurgeOutcome> {
  const memory: PurgeMemory = { opened: null, unavailable: null }
  const steps = createSteps(ports, memory, signal)
  let state = begun
  try {
    for (const step of PURGE_STEPS) {
      if (state.steps[step]?.finishedAt != null) continue
      throwIfAborted(signal)
      ports.progress(step)
      state = await runStep(ports, steps, step, state)
    }
  } finally {
    memory.opened?.close()
  }
  const certificate = await requireIssued(ports.issuer)
  await ports.records.attach(state, certificate)
  await ports.audit.note('signoff-finished', 'done', state.certificateId, {
    resumptions: state.resumptions.length,
  })
  await ports.journal.remove()
  return { certificate, state }
}

async function runStep(
  ports: PurgePorts,
  steps: StepActions,
  step: PurgeStep,
  before: PurgeState,
): Promise<PurgeState> {
  const now = (): string => formatInstant(ports.clock.now())
  const action = steps[step]
  const earlier = before.steps[step]
  // Nothing is left to be held once all is gone; what remains is to account for it.
  if (step !== 'write-record' && step !== 'issue-certificate') await refuseHeld(ports, before, step)
  const counted = earlier?.before ?? (await action.count?.(before)) ?? null
  let state = withStep(before, step, {
    starts: (earlier?.starts ?? 0) + 1,
    startedAt: earlier?.startedAt ?? now(),
    finishedAt: null,
    before: counted,
    evidence: null,
  })
  await ports.journal.write(state)
  try {
    const evidence = await action.run(state)
    state = withStep(state, step, { ...stepOf(state, step), finishedAt: now(), evidence })
  } catch (error) {
    const failure = toSealpostError(error, `sign-off: ${step}`)
    // A kill or a full disk does not get here, or is told by the resumption.
    if (failure.kind === 'policy') await noteObstacle(ports, state, step, failure.message)
    throw failure
  }
  await ports.journal.write(state)
  if (step !== 'issue-certificate') {
    await ports.audit.note('signoff-step', 'done', state.certificateId, {
      step,
      starts: stepOf(state, step).starts,
    })
  }
  return state
}

async function refuseHeld(ports: PurgePorts, state: PurgeState, step: PurgeStep): Promise<void> {
  const hold = await ports.records.hold(state.project)
  if (hold === null) return
  const text = `a ${hold.what} by ${hold.by} of ${hold.since} blocks the purge`
  await noteObstacle(ports, state, step, text)
  throw new SealpostError('policy', text, { hint: hold.hint, code: hold.code.toUpperCase() })
}

/** What a person has to settle goes on record. */
async function noteObstacle(ports: PurgePorts, state: PurgeState, step: PurgeStep, text: string): Promise<void> {
  const obstacle = { at: formatInstant(ports.clock.now()), step, text }
  await ports.journal.write({ ...state, obstacles: [...state.obstacles, obstacle] })
}

function withStep<S extends PurgeStep>(state: PurgeState, step: S, entry: StepState<S>): PurgeState {
  return { ...state, steps: { ...state.steps, [step]: entry } }
}

function stepOf(state: PurgeState, step: PurgeStep): StepState {
  const entry = state.steps[step]
  if (entry === undefined) throw new SealpostError('bug', `sign-off: ${step} has no entry in the journal`)
  return entry
}

async function requireIssued(issuer: CertificateIssuer): Promise<IssuedCertificate> {
  const certificate = await issuer.issued()
  if (certificate !== null) return certificate
  throw new SealpostError('corrupt', 'the certificate was issued and its folder is gone', {
    hint: 'bring the folder certificate/ back from where it was put',
  })
}
