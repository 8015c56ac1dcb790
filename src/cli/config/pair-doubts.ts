import { counted } from '../../core/counted.ts'
import type { AccountPair } from './mailboxes-csv.ts'
import type { EndConfig, ProjectConfig } from './project-types.ts'
import { localPartOf } from './templates.ts'

/** Pairs that may be a mistake: somebody has to say that they are meant. */
export interface PairDoubt {
  /** What is typed to confirm exactly this; another list of pairs gives another one. */
  readonly id: string
  /** What is odd about them. */
  readonly text: string
  /** The first row of them. */
  readonly line: number
}

/** Rows between two domains. */
interface Route {
  readonly from: string
  readonly to: string
  readonly rows: readonly AccountPair[]
}

/**
 * What looks wrong about who goes where, although each row is good by itself: a domain that the others do not go to, swapped
 * columns, two persons exchanged, two sources in one destination. Nothing of it is refused: it is to be confirmed.
 */
export function pairDoubts(pairs: readonly AccountPair[], config: ProjectConfig): readonly PairDoubt[] {
  const routes = routesOf(pairs)
  const merged = shared(pairs)
  // Who shares an account does not bear its name.
  const alone = pairs.filter(({ destination }) => !merged.has(destination))
  const found = [...swapped(routes, config), ...oddRoutes(routes), ...exchanged(alone), ...merged.values()]
  // One pair may be odd in two ways; it is confirmed once.
  return [...new Map(found.toReversed().map((doubt) => [doubt.id, doubt])).values()].toReversed()
}

function routesOf(pairs: readonly AccountPair[]): readonly Route[] {
  const routes = new Map<string, { from: string; to: string; rows: AccountPair[] }>()
  for (const pair of pairs) {
    const [from, to] = [domainOf(pair.source), domainOf(pair.destination)]
    if (from === null || to === null) continue
    const key = `${from} ${to}`
    const route = routes.get(key) ?? { from, to, rows: [] }
    route.rows.push(pair)
    routes.set(key, route)
  }
  return [...routes.values()]
}

/** The ends themselves say where a domain is at home. */
function swapped(routes: readonly Route[], { source, destination }: ProjectConfig): readonly PairDoubt[] {
  return routes.flatMap((route) => {
    const { from, to } = route
    if (from === to) return []
    const fits = isHomeOf(source, from) || isHomeOf(destination, to)
    const isTurned = isHomeOf(source, to) || isHomeOf(destination, from)
    if (fits || !isTurned) return []
    const side = isHomeOf(source, to)
      ? `${to} is the domain of the source end`
      : `${from} is the domain of the destination end`
    return [
      {
        ...about(route),
        text: `${countOf(route)} from ${from} to ${to}, but ${side}: are the columns swapped?`,
      },
    ]
  })
}

function oddRoutes(routes: readonly Route[]): readonly PairDoubt[] {
  return routes.flatMap((route) => {
    const { from, to, rows } = route
    const usual = best(routes.filter((other) => other.from === from))
    if (usual !== route && usual !== null) {
      return [
        {
          ...about(route),
          text: `${countOf(route)} from ${from} to ${to}, but ${usual.rows.length} to ${usual.to}`,
        },
      ]
    }
    const back = routes.find((other) => other !== route && other.from === to && other.to === from)
    if (back === undefined || best([back, route]) === route) return []
    return [
      {
        ...about(route),
        text: `${countOf(route)} from ${from} to ${to}, but ${back.rows.length} the other way: are the columns of ${rows.length === 1 ? 'this one' : 'these'} swapped?`,
      },
    ]
  })
}

/** Somebody's mail goes to the account that bears another one's name. */
function exchanged(pairs: readonly AccountPair[]): readonly PairDoubt[] {
  const key = (account: string, domain: string): string => `${localPartOf(account)}@${domain}`.toLowerCase()
  const sources = new Map(pairs.map((pair) => [key(pair.source, domainOf(pair.source) ?? ''), pair]))
  return pairs.flatMap((pair) => {
    const other = sources.get(key(pair.destination, domainOf(pair.source) ?? ''))
    if (other === undefined || other === pair) return []
    const text = `${pair.source} goes to ${pair.destination}, but ${other.source} bears that name`
    return [{ id: `${pair.source}=${pair.destination}`, text, line: pair.line }]
  })
}

/** Accounts that several sources go to, by name. */
function shared(pairs: readonly AccountPair[]): ReadonlyMap<string, PairDoubt> {
  const found = new Map<string, PairDoubt>()
  for (const destination of new Set(pairs.map((pair) => pair.destination))) {
    const rows = pairs.filter((pair) => pair.destination === destination)
    if (rows.length === 1) continue
    const sources = rows.map(({ source }) => source)
    const text = `${sources.join(' and ')} all go to ${destination}, and cannot be taken apart again`
    found.set(destination, { id: `${sources.join('+')}=${destination}`, text, line: rows[1]?.line ?? 0 })
  }
  return found
}

/** The one with most rows; of equal ones the first. */
function best(routes: readonly Route[]): Route | null {
  return routes.reduce<Route | null>(
    (most, route) => (most !== null && most.rows.length >= route.rows.length ? most : route),
    null,
  )
}

function about({ from, to, rows }: Route): Pick<PairDoubt, 'id' | 'line'> {
  return { id: `${from}=${to}:${rows.length}`, line: rows[0]?.line ?? 0 }
}

function countOf({ rows }: Route): string {
  return counted(rows.length, 'account goes', 'accounts go')
}

function domainOf(account: string): string | null {
  const at = account.lastIndexOf('@')
  return at === -1 ? null : account.slice(at + 1).toLowerCase()
}

/** True when the end itself shows that it serves this domain. False says nothing. */
function isHomeOf(end: EndConfig, domain: string): boolean {
  switch (end.kind) {
    case 'imap': {
      const host = end.host.toLowerCase()
      return host === domain || host.endsWith(`.${domain}`)
    }
    case 'graph':
      return end.auth.tokens.tenant.toLowerCase() === domain
    case 'gmail':
      return (end.directory?.domain ?? domainOf(end.directory?.admin ?? ''))?.toLowerCase() === domain
    case 'maildir':
    case 'mbox':
      return false
  }
}
