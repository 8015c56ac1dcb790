import type { Clock } from '../../core/clock.ts'
import { ask } from './dns-client.ts'
import type { Resolver } from './resolver.ts'

/** Where a domain's mail goes, as DNS has it. */
export interface MailRecords {
  readonly domain: string
  /** In the order in which servers try them (RFC 5321 section 5.1). */
  readonly mx: readonly { readonly exchange: string; readonly preference: number; readonly ttl: number }[]
  /** TXT records that begin with `v=spf1` (RFC 7208): more than one is as good as none. */
  readonly spf: readonly { readonly text: string; readonly ttl: number }[]
}

/** Looks up one domain. Throws what `ask` throws. */
export async function lookUp(
  resolver: Resolver,
  domain: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<MailRecords> {
  const [mx, txt] = await Promise.all([
    ask(resolver, domain, 'MX', clock, signal),
    ask(resolver, domain, 'TXT', clock, signal),
  ])
  return {
    domain,
    mx: mx.answers
      .flatMap((answer) =>
        answer.type === 'MX'
          ? [
              {
                exchange: answer.data.exchange.toLowerCase().replace(/\.$/, ''),
                preference: answer.data.preference ?? 0,
                ttl: answer.ttl ?? 0,
              },
            ]
          : [],
      )
      .sort((a, b) => a.preference - b.preference || (a.exchange < b.exchange ? -1 : 1)),
    spf: txt.answers.flatMap((answer) => {
      if (answer.type !== 'TXT') return []
      const parts = Array.isArray(answer.data) ? answer.data : [answer.data]
      const text = parts.map((part) => (typeof part === 'string' ? part : part.toString('latin1'))).join('')
      return /^v=spf1(?: |$)/i.test(text) ? [{ text, ttl: answer.ttl ?? 0 }] : []
    }),
  }
}

/** What is to be known about these records before and after the cutover, a sentence each. */
export function adviceOn(
  now: MailRecords,
  before: MailRecords | null,
  expected: readonly string[],
): readonly string[] {
  const advice: string[] = []
  const ttl = Math.max(0, ...now.mx.map((record) => record.ttl))
  if (now.mx.length === 0) advice.push('no MX record: mail for it has nowhere to go')
  else if (ttl > LOW_TTL_SECONDS) {
    advice.push(
      `the TTL of its MX records is ${ttl} s: lower it to ${LOW_TTL_SECONDS} s at least ${ttl} s before the cutover`,
    )
  }
  if (now.spf.length === 0) advice.push('no SPF record')
  if (now.spf.length > 1)
    advice.push(`${now.spf.length} SPF records: receivers take that for an error (RFC 7208 section 4.5)`)
  if (expected.length > 0) {
    const there = new Set(now.mx.map(({ exchange }) => exchange))
    const wanted = expected.map((host) => host.toLowerCase().replace(/\.$/, ''))
    const reached = wanted.every((host) => there.has(host)) && there.size === new Set(wanted).size
    const old = before === null ? 0 : Math.max(0, ...before.mx.map((record) => record.ttl))
    advice.push(
      reached
        ? `its MX records are the expected ones; servers that asked before may use the old ones for ${old} s after the change`
        : `its MX records are not the expected ones: ${[...there].join(', ') || 'none'} instead of ${wanted.join(', ')}`,
    )
  }
  return advice
}

const LOW_TTL_SECONDS = 300
