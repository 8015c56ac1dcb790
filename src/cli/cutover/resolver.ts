import { getServers } from 'node:dns'
import { isIP } from 'node:net'
import { SealpostError } from '../../core/errors.ts'

/** Where questions go. */
export interface Resolver {
  readonly host: string
  readonly port: number
}

/** A resolver as it is typed: an address, with `:port` or `]:port` where it is not 53. Null for what is none. */
export function parseResolver(text: string): Resolver | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)|([0-9a-f:]+))(?::(\d{1,5}))?$/i.exec(text.trim())
  const host = match?.[1] ?? match?.[2] ?? match?.[3]
  const port = Number(match?.[4] ?? 53)
  return host === undefined || isIP(host) === 0 || port < 1 || port > 65_535 ? null : { host, port }
}

/** The first resolver that the machine itself asks. Throws `config` where it has none. */
export function ownResolver(): Resolver {
  const resolver = getServers()
    .map(parseResolver)
    .find((each) => each !== null)
  if (resolver != null) return resolver
  throw new SealpostError('config', 'this machine has no DNS resolver', {
    hint: 'name one with --resolver ADDRESS',
  })
}
