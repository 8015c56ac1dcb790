import type { DeletionCertificate } from '../../src/core/certificate.ts'
import type { Needle } from '../../src/signoff/needles.ts'
import type { IssuedCertificate, OpenedVault, PurgeAudit, PurgePorts } from '../../src/signoff/ports.ts'
import type { CredentialFacts, ProjectIdentity, PurgeState } from '../../src/signoff/state.ts'

/** Stands for the death of the process; nothing may take it for an error of the purge. */
export class Killed extends Error {}

/** When a purge dies: at the n-th of the calls that are counted, before it does anything or after it has done all. */
export interface KillPoint {
  readonly call: number
  readonly when: 'before' | 'after'
  /** Which calls are counted; all of them when left out. */
  readonly counted?: ReadonlySet<string>
}

/** Calls that leave something on the disk: to die between two others is to die after the last of these. */
export const DURABLE: ReadonlySet<string> = new Set([
  'journal.write',
  'journal.remove',
  'vault.destroy',
  'files.removeState',
  'files.removeDocuments',
  'records.write',
  'records.attach',
  'issuer.issue',
])

/** Counts calls, and says which one the purge died at. */
export interface Killer {
  readonly ports: PurgePorts
  readonly calls: () => number
  /** Name of the call at which it struck; null while it has not. */
  readonly struck: () => string | null
}

/** Wraps every port of a purge. `die` is called instead of throwing where a test kills for real. */
export function withKiller(ports: PurgePorts, point: KillPoint, die: () => void = () => undefined): Killer {
  let count = 0
  let struck: string | null = null
  const strike = (name: string): never => {
    struck = name
    die()
    throw new Killed(name)
  }
  const wrap = <A extends readonly unknown[], R>(name: string, call: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      // Dead: whatever a `finally` still calls does nothing any more.
      if (struck !== null) throw new Killed(name)
      const mine = point.counted?.has(name) === false ? 0 : ++count
      if (mine === point.call && point.when === 'before') strike(name)
      const result = await call(...args)
      if (mine === point.call && point.when === 'after') strike(name)
      return result
    }
  }
  const { journal, vault, files, records, audit, issuer } = ports
  const opened = (held: OpenedVault): OpenedVault => ({
    ...held,
    openCanaries: wrap('vault.openCanaries', () => held.openCanaries()),
  })
  return {
    calls: () => count,
    struck: () => struck,
    ports: {
      ...ports,
      journal: {
        read: wrap('journal.read', () => journal.read()),
        write: wrap('journal.write', (state: PurgeState) => journal.write(state)),
        remove: wrap('journal.remove', () => journal.remove()),
      },
      vault: {
        open: wrap('vault.open', async () => opened(await vault.open())),
        destroy: wrap('vault.destroy', () => vault.destroy()),
        tryCanaries: wrap('vault.tryCanaries', () => vault.tryCanaries()),
      },
      files: {
        countState: wrap('files.countState', () => files.countState()),
        removeState: wrap('files.removeState', () => files.removeState()),
        countDocuments: wrap('files.countDocuments', () => files.countDocuments()),
        removeDocuments: wrap('files.removeDocuments', () => files.removeDocuments()),
        flush: wrap('files.flush', () => files.flush()),
        search: wrap('files.search', (needles: readonly Needle[], signal: AbortSignal) =>
          files.search(needles, signal),
        ),
      },
      records: {
        hold: wrap('records.hold', (project: ProjectIdentity) => records.hold(project)),
        write: wrap('records.write', (state: PurgeState) => records.write(state)),
        attach: wrap('records.attach', (state: PurgeState, certificate: IssuedCertificate) =>
          records.attach(state, certificate),
        ),
      },
      audit: {
        note: wrap('audit.note', (...given: Parameters<PurgeAudit['note']>) => audit.note(...given)),
        checkpoint: wrap('audit.checkpoint', () => audit.checkpoint()),
      },
      issuer: {
        facts: issuer.facts,
        issued: wrap('issuer.issued', () => issuer.issued()),
        issue: wrap('issuer.issue', (certificate: DeletionCertificate, state: PurgeState) =>
          issuer.issue(certificate, state),
        ),
      },
      stopWriters: wrap('stopWriters', () => ports.stopWriters()),
      revoke: wrap('revoke', (credential: CredentialFacts) => ports.revoke(credential)),
      inspectWorkstation: wrap('inspectWorkstation', () => ports.inspectWorkstation()),
    },
  }
}
