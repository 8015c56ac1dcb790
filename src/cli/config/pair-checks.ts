import { dirname, resolve } from 'node:path'
import type { AccountPair } from './mailboxes-csv.ts'
import type { Problem } from './problems.ts'
import { isFileEnd, PER_ACCOUNT, type EndConfig, type ProjectConfig } from './project-types.ts'
import { fillTemplate, hasPlaceholder, localPartOf, pathPartProblem } from './templates.ts'

type Side = 'source' | 'destination'

/**
 * What is wrong between the rows of mailboxes.csv, and between them and the ends they are meant for. `config` is null
 * when project.yaml could not be read; then only the rows are compared.
 */
export function pairProblems(
  file: string,
  pairs: readonly AccountPair[],
  config: ProjectConfig | null,
  projectFolder: string,
): readonly Problem[] {
  const at = (pair: AccountPair, message: string, hint: string | null = null): Problem => ({
    file,
    line: pair.line,
    column: null,
    message,
    hint,
  })
  return [...duplicates(), ...(config === null ? [] : againstEnds(config))]

  /** One mailbox read twice, or written by two, would hold copies that nobody can tell apart afterwards. */
  function duplicates(): readonly Problem[] {
    return (['source', 'destination'] as const).flatMap((side) => {
      const lines = new Map<string, { readonly line: number; readonly account: string }>()
      return pairs.flatMap((pair) => {
        const isFile = config !== null && isFileEnd(config[side])
        const name = isFile ? pair[side] : loginOf(pair, side).toLowerCase()
        const first = lines.get(name)
        if (first === undefined) {
          lines.set(name, { line: pair.line, account: pair[side] })
          return []
        }
        // Two sources in one destination may be meant (pair-doubts.ts), where it is one and the same to the ledger too.
        if (side === 'destination' && first.account === pair.destination) return []
        const what = side === 'source' ? 'this source' : 'this destination'
        return [at(pair, `${pair[side]}: line ${first.line} has ${what} already`)]
      })
    })
  }

  /** What tells an account from others at an end: where the login holds only the part before the @, that. */
  function loginOf(pair: AccountPair, side: Side): string {
    const end = config?.[side]
    if (end?.kind !== 'imap' || end.auth.username === null) return pair[side]
    const templates = [end.auth.username, end.auth.authorize ?? '']
    const isLocal = templates.some((each) => hasPlaceholder(each, 'local'))
    return isLocal && !templates.some((each) => hasPlaceholder(each, 'account'))
      ? localPartOf(pair[side])
      : pair[side]
  }

  function againstEnds({ source, destination }: ProjectConfig): readonly Problem[] {
    const problems: Problem[] = []
    for (const pair of pairs) {
      for (const [side, end] of [
        ['source', source],
        ['destination', destination],
      ] as const) {
        const message = isFileEnd(end) && hasPlaceholder(end.path, 'account') ? pathPartProblem(pair[side]) : null
        if (message !== null) problems.push(at(pair, `${side} ${message}`))
        if (isFileEnd(end) && credentialOf(pair, side) !== null) {
          const what = end.kind === 'mbox' ? 'an mbox' : 'a Maildir'
          problems.push(at(pair, `${side}_credential means nothing: this end is ${what}`))
        }
      }
      if (isSameMailbox(pair, source, destination)) {
        problems.push(at(pair, `${pair.source}: source and destination are the same mailbox`))
      }
    }
    problems.push(...overlaps(source, destination))
    if (destination.kind === 'graph' && destination.write === 'transfer') {
      const taken = new Set<string>()
      for (const pair of pairs) {
        // An item is asked for by its key alone, which means something at one source.
        if (taken.has(pair.destination))
          problems.push(at(pair, 'write: transfer takes one source into a destination'))
        taken.add(pair.destination)
      }
    }
    if (pairs.length > 1) {
      for (const [side, end] of [
        ['source', source],
        ['destination', destination],
      ] as const) {
        const shared = pairs.find((pair) => !tellsAccountsApart(end, credentialOf(pair, side)))
        if (shared === undefined) continue
        const where = isFileEnd(end) ? `${side}.path` : `${side}.auth.username`
        problems.push(
          at(shared, `every account would open the same ${side} mailbox`, `put {account} into ${where}`),
        )
      }
    }
    return problems
  }

  function isSameMailbox(pair: AccountPair, source: EndConfig, destination: EndConfig): boolean {
    if (source.kind === 'gmail' && destination.kind === 'gmail') {
      return (
        source.endpoint === destination.endpoint && pair.source.toLowerCase() === pair.destination.toLowerCase()
      )
    }
    if (source.kind === 'graph' && destination.kind === 'graph') {
      const isOneTenant = source.auth.tokens.tenant.toLowerCase() === destination.auth.tokens.tenant.toLowerCase()
      return isOneTenant && pair.source.toLowerCase() === pair.destination.toLowerCase()
    }
    if (source.kind !== 'imap' || destination.kind !== 'imap') return false
    if (source.host !== destination.host || source.port !== destination.port) return false
    const sameLogin =
      source.auth.username === destination.auth.username && source.auth.authorize === destination.auth.authorize
    return sameLogin && pair.source.toLowerCase() === pair.destination.toLowerCase()
  }

  /** What lands in the files of a source, its own or another account's, would be moved again. */
  function overlaps(source: EndConfig, destination: EndConfig): readonly Problem[] {
    if (!isFileEnd(source) || !isFileEnd(destination)) return []
    const fit = pairs.filter(
      (pair) => pathPartProblem(pair.source) === null && pathPartProblem(pair.destination) === null,
    )
    const sources = new Map(fit.map((pair) => [folderOf(source.path, pair.source), pair]))
    const destinations = new Map(fit.map((pair) => [folderOf(destination.path, pair.destination), pair]))
    const inSource = [...destinations].flatMap(([folder, pair]) => {
      const other = nearest(folder, sources)
      return other === null
        ? []
        : [at(pair, `${pair.destination}: the destination lies in the source of line ${other.line}`)]
    })
    const inDestination = [...sources].flatMap(([folder, pair]) => {
      const other = nearest(dirname(folder), destinations)
      return other === null
        ? []
        : [at(pair, `${pair.source}: the source lies in the destination of line ${other.line}`)]
    })
    return [...inSource, ...inDestination]
  }

  function folderOf(template: string, account: string): string {
    return resolve(projectFolder, fillTemplate(template, { account, admin: '' }))
  }
}

/** What the folder or the nearest one above it stands for. */
function nearest(folder: string, known: ReadonlyMap<string, AccountPair>): AccountPair | null {
  for (let at = folder; ; at = dirname(at)) {
    const found = known.get(at)
    if (found !== undefined) return found
    if (dirname(at) === at) return null
  }
}

function credentialOf(pair: AccountPair, side: Side): string | null {
  return side === 'source' ? pair.sourceCredential : pair.destinationCredential
}

/** The template names the account, whole or in part. */
function namesAccount(template: string): boolean {
  return hasPlaceholder(template, 'account') || hasPlaceholder(template, 'local')
}

/** True when the login or the folder depends on the account. */
function tellsAccountsApart(end: EndConfig, ownCredential: string | null): boolean {
  if (isFileEnd(end)) return hasPlaceholder(end.path, 'account')
  // A token of the API speaks for one user.
  if (end.kind === 'gmail' || end.kind === 'graph') return true
  const { username, authorize, credential } = end.auth
  if (username === null || ownCredential !== null || credential === PER_ACCOUNT) return true
  return [username, authorize ?? ''].some(namesAccount)
}
