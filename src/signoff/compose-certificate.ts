import { formatInstant } from '../core/clock.ts'
import {
  CERTIFICATE_FORMAT,
  CERTIFICATE_VERSION,
  NOT_GIVEN,
  UNKNOWN,
  type DeletionCertificate,
  type SigningPerson,
} from '../core/certificate.ts'
import { counted } from '../core/counted.ts'
import { SealpostError } from '../core/errors.ts'
import { composeCanaries, composeObjects } from './compose-objects.ts'
import { nameMethod } from './method.ts'
import type { PurgePorts, SignerFacts } from './ports.ts'
import { listResidualRisks } from './residual-risks.ts'
import {
  evidenceOf,
  PURGE_STEPS,
  type PurgeState,
  type PurgeStep,
  type StepEvidence,
  type UnlistedBackups,
  type Workstation,
} from './state.ts'

/**
 * Composes the certificate from what the journal says was observed (invariant 10). Throws `bug` when a step before it has
 * not been finished: then there is nothing to certify.
 */
export async function composeCertificate(ports: PurgePorts, state: PurgeState): Promise<DeletionCertificate> {
  const workstation = await ports.inspectWorkstation()
  const checkpoint = await ports.audit.checkpoint()
  const { facts, request, project } = state
  const at = formatInstant(ports.clock.now())
  const erasure = required(state, 'destroy-keys')
  const verification = verificationOf(state)
  const checked =
    verification.secretSearch.done &&
    verification.canaryScan.done &&
    verification.canaries.every(({ proven }) => proven)
  const sanitization = nameMethod(workstation, facts.keys, erasure, checked)
  const rotate = required(state, 'revoke-grants').answers.map(({ name, kind, revoked, answer }) => ({
    credential: name,
    kind,
    revoked,
    answer,
  }))
  const person = (signer: SignerFacts): SigningPerson => ({
    name: signer.name,
    role: signer.role,
    title: signer.role,
    location: request.location ?? NOT_GIVEN,
    contact: request.contact ?? NOT_GIVEN,
    at,
    signatureFile: signer.signatureFile,
    keyFingerprint: signer.keyFingerprint,
    publicKey: signer.publicKey,
  })
  const { operator, second, signing } = ports.issuer.facts
  return {
    format: CERTIFICATE_FORMAT,
    version: CERTIFICATE_VERSION,
    id: state.certificateId,
    issued: {
      at,
      timeZone: ports.zone.name,
      utcOffset: ports.zone.offset,
      clock: 'the clock of this workstation; no outside witness of the time',
    },
    statements: statementsOf(state, sanitization.method),
    project: {
      id: project.id,
      client: project.client,
      createdAt: project.createdAt,
      purgeStartedAt: state.startedAt,
      purgeFinishedAt: state.steps['write-record']?.finishedAt ?? at,
    },
    delivery: deliveryOf(state),
    acceptedExceptions: facts.accepted,
    sanitization,
    media: mediaOf(state, workstation),
    objects: composeObjects(state, sanitization.method),
    keys: keysOf(state, erasure),
    verification,
    process: {
      steps: PURGE_STEPS.flatMap((step) => {
        const entry = state.steps[step]
        if (entry?.finishedAt == null) return []
        return [{ step, startedAt: entry.startedAt, finishedAt: entry.finishedAt, starts: entry.starts }]
      }),
      resumptions: state.resumptions,
      obstacles: state.obstacles,
    },
    people: {
      signatory: { name: request.by, title: request.title ?? NOT_GIVEN, organisation: project.client },
      operator: person(operator),
      second: second === null ? null : person(second),
      // Whoever took it up again signs, and may be others than those who began.
      dualControl:
        second === null
          ? facts.dualControl
          : `signed by ${operator.name}, and by ${second.name} as the second person`,
    },
    environment: workstation.findings,
    residualRisks: listResidualRisks(state, workstation, rotate),
    clientMustRotate: rotate,
    backups: backupsOf(state),
    documentsRemoved: required(state, 'remove-documents').documents,
    retained: required(state, 'write-record').retained,
    legalHold: 'none: no hold was set on this project when it was purged',
    tool: ports.tool,
    audit: {
      text:
        checkpoint === null
          ? 'this workspace keeps no audit log'
          : 'head of the audit log when this certificate was composed: a C2SP checkpoint',
      checkpoint,
    },
    signing,
  }
}

/** The certificate's exact bytes: JSON over several lines, LF, UTF-8. They are signed as they are. */
export function formatCertificate(certificate: DeletionCertificate): Buffer {
  return Buffer.from(`${JSON.stringify(certificate, null, 2)}\n`, 'utf8')
}

function statementsOf(state: PurgeState, method: string): DeletionCertificate['statements'] {
  const delivery =
    state.request.abandon === null
      ? {
          code: 'delivery-certified',
          text: 'Delivery was verified before the purge; what was excepted is listed.',
        }
      : { code: 'delivery-not-certified', text: 'Delivery is not certified: the project was abandoned.' }
  return [
    {
      code: 'deleted',
      text: `What Sealpost held of this project on this workstation was deleted: ${method}. Keys went before files.`,
    },
    {
      code: 'medium',
      text: 'Selected data was sanitized, not the medium: no Clear, Purge or Destroy in the sense of NIST SP 800-88 is claimed.',
    },
    delivery,
    {
      code: 'limits',
      text: 'What could not be reached or could not be checked is listed under residual risks; what is not known is called unknown.',
    },
    {
      code: 'standard',
      text: 'Fields follow NIST SP 800-88r2 (September 2025) section 4.6 and Rev. 1 section 4.8. No conformance with IEEE 2883 or ISO/IEC 27040 is claimed.',
    },
  ]
}

function deliveryOf(state: PurgeState): DeletionCertificate['delivery'] {
  const { delivery } = state.facts
  const { abandon } = state.request
  const totals = delivery?.totals
  const counted = delivery !== null
  return {
    certified: abandon === null,
    text:
      abandon === null
        ? 'every message ended, and every one that lies at the destination was verified there after it had landed; what did not go, and what was found, was accepted by the signatory as listed'
        : `not certified: the project was abandoned${counted ? '; the counts say how far it had come' : ', and the ledger could not be read any more'}`,
    abandoned: abandon === null ? null : { reason: abandon },
    counted,
    accounts: delivery?.accounts ?? 0,
    mailboxes: delivery?.mailboxes ?? 0,
    messages: {
      source: totals?.source ?? 0,
      landed: totals?.landed ?? 0,
      existing: totals?.existing ?? 0,
      skipped: totals?.skipped ?? 0,
      quarantined: totals?.quarantined ?? 0,
      expunged: totals?.expunged ?? 0,
      pending: (totals?.discovered ?? 0) + (totals?.appending ?? 0),
      neverVerified: delivery?.neverVerified ?? 0,
    },
    landedBytes: totals?.landedBytes ?? 0,
    openFindings: delivery?.openFindings ?? 0,
  }
}

function mediaOf(state: PurgeState, workstation: Workstation): DeletionCertificate['media'] {
  return {
    manufacturer: workstation.manufacturer,
    model: workstation.model,
    serial: workstation.serial,
    propertyNumber: state.request.asset ?? NOT_GIVEN,
    type: workstation.mediaType,
    source: {
      hostSha256: workstation.hostSha256,
      user: workstation.user,
      projectId: state.project.id,
      operatingSystem: workstation.operatingSystem,
    },
    fileSystem: workstation.fileSystem,
    diskEncryption: workstation.diskEncryption,
    confidentiality: 'confidential: credentials of the client, and mail',
    confidentialityAfter: 'the project record without content stays, as listed under what is retained',
    destination: 'the workstation stays in service',
  }
}

function keysOf(state: PurgeState, erasure: StepEvidence['destroy-keys']): DeletionCertificate['keys'] {
  const { keys } = state.facts
  const here = erasure.slot === 'destroyed'
  const interrupted = 'by a process that was interrupted before it could say so'
  return {
    algorithm: 'AES-256-GCM; the ledger: SQLCipher 4 with AES-256-CBC and HMAC-SHA-512',
    bits: 256,
    randomSource: 'random generator of OpenSSL (node:crypto randomBytes)',
    chain:
      'project key = HKDF-SHA-512(grant key, shred key); it wraps the keys of credentials, ledger, spool and intake; the grant key is sealed to operators, the shred key lies in its slot alone',
    encryptedSince:
      state.facts.plaintextImports === 0
        ? 'data was encrypted before its first write; none was ever written in the clear'
        : 'data was encrypted before its first write by this program; secrets that came in files in the clear are a residual risk',
    escrow: 'none: there is no recovery key for projects, and no copy of a project key outside of the keystore',
    shredKey: {
      place: keys.slotPlace,
      bytes: 128_000,
      existedBefore: keys.slotExisted,
      overwritten: !keys.slotExisted
        ? 'no: it was not there'
        : here
          ? 'yes, in place, and synchronised'
          : `yes, ${interrupted}`,
      readBackDiffers: here ? (erasure.readBackDiffers === true ? 'yes' : 'no') : UNKNOWN,
      removed: true,
    },
    wrappedKeysDestroyed: keys.wrappedKeys,
    documentsDestroyed: Math.max(erasure.documents, keys.known ? 1 : 0),
    commitments: keys.commitments,
    commitmentsMadeAt: state.facts.keysRenewedAt ?? state.project.createdAt,
  }
}

function verificationOf(state: PurgeState): DeletionCertificate['verification'] {
  const search = required(state, 'search-secrets')
  const scan = required(state, 'scan-canaries')
  return {
    secretSearch: {
      done: search.done,
      text: search.text,
      secrets: search.secrets,
      found: search.hits.length,
      notSearchable: search.notSearchable,
      places: search.places,
    },
    canaries: composeCanaries(state),
    projectOpensAfter: required(state, 'try-canaries').project.outcome,
    canaryScan: {
      done: scan.done,
      text: scan.text,
      canaries: scan.canaries,
      found: scan.hits.length,
      places: scan.places,
    },
    trim: required(state, 'remove-documents').trim,
  }
}

function backupsOf(state: PurgeState): DeletionCertificate['backups'] {
  const { handedOver, unlistedBackups } = state.facts
  return { text: backupsText(handedOver.length, unlistedBackups), handedOver }
}

function backupsText(handedOver: number, unlisted: UnlistedBackups | null): string {
  if (unlisted !== null) {
    const { written, confirmed, discarded } = unlisted
    return (
      `the records of the backups did not open any more; by the audit log ${counted(written, 'file was', 'files were')} written, of which ` +
      `the client confirmed ${confirmed} and ${counted(discarded, 'was', 'were')} discarded; the whereabouts of ${written - confirmed - discarded} are unknown`
    )
  }
  return handedOver === 0
    ? 'no backup made with Sealpost is kept: none was made, or none was to be handed over'
    : 'each backup was handed over as listed; no copy is kept'
}

function required<S extends PurgeStep>(state: PurgeState, step: S): StepEvidence[S] {
  const evidence = evidenceOf(state, step)
  if (evidence !== null) return evidence
  throw new SealpostError('bug', `sign-off: ${step} left no evidence, so nothing can be certified`)
}
