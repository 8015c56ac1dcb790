import { presetOf } from '../../../connectors/presets/presets.ts'
import { isLoopback } from '../../../connectors/shared/tls.ts'
import { PER_ACCOUNT } from './project-types.ts'
import { DEFAULT_LIMITS } from '../../engine/settings.ts'
import { formatPath, parsePath } from '../../core/mailbox-path.ts'
import type { Problem } from './problems.ts'
import { parseInstant, parseSize } from './units.ts'
import { valueAt, type YamlSource } from './yaml-source.ts'

const MICROSOFT_KEYS = ['tenant', 'client_id']
const NO_APP =
  'outlook.com lets no application open mailboxes, and Sealpost signs in as one: nothing can be opened'
const BY_OWNER =
  'have the owner export the mail (kind: mbox), or give auth: { mode: password } with host and port of a local proxy that the owner has signed in to'

/**
 * What is wrong between keys that are each good alone. Reads the plain data, so that it can be told in the same pass as
 * what is wrong with single keys; what is not of its type is passed over here. Presets are filled in.
 */
export function crossChecks(source: YamlSource): readonly Problem[] {
  return [
    ...plaintextChecks('source', source),
    ...plaintextChecks('destination', source),
    ...mboxChecks(source),
    ...transferChecks(source),
    ...authChecks('source', source),
    ...authChecks('destination', source),
    ...filterChecks(source),
    ...limitChecks(source),
    ...ruleChecks(source),
  ]
}

function plaintextChecks(side: 'source' | 'destination', source: YamlSource): readonly Problem[] {
  const host = valueAt(source.data, [side, 'host'])
  if (typeof host !== 'string' || valueAt(source.data, [side, 'tls', 'mode']) !== 'none') return []
  if (!isLoopback(host)) {
    const message = 'mode: none would send passwords and mail in the clear; it is for this machine only'
    return [source.at([side, 'tls', 'mode'], message, 'use implicit or starttls')]
  }
  const unused = ['ca', 'pin'].filter((key) => valueAt(source.data, [side, 'tls', key]) !== undefined)
  return unused.map((key) => source.at([side, 'tls', key], `${key} means nothing with mode: none`))
}

function mboxChecks(source: YamlSource): readonly Problem[] {
  if (valueAt(source.data, ['destination', 'kind']) !== 'mbox') return []
  return [source.at(['destination', 'kind'], 'an mbox is only read: it cannot be a destination', 'use maildir')]
}

/** Items in Exchange's own form come from another tenant, by Graph, in Microsoft's public cloud. */
function transferChecks(source: YamlSource): readonly Problem[] {
  const at = (side: string, key: string): unknown => valueAt(source.data, [side, key])
  if (at('destination', 'kind') !== 'graph' || at('destination', 'write') !== 'transfer') return []
  const says = (message: string): readonly Problem[] => [
    source.at(['destination', 'write'], `transfer ${message}`, 'use write: imap'),
  ]
  if (at('source', 'kind') !== 'graph' || at('source', 'read') === 'imap') {
    return says('needs a source of kind: graph that is read by Graph')
  }
  const clouds = ['source', 'destination'].map((side) => at(side, 'cloud') ?? 'global')
  return clouds.every((cloud) => cloud === 'global') ? [] : says('is not there in national clouds')
}

/** Which keys belong to which way of signing in. */
function authChecks(side: 'source' | 'destination', source: YamlSource): readonly Problem[] {
  const at = (key: string): unknown => valueAt(source.data, [side, 'auth', key])
  const preset = valueAt(source.data, [side, 'preset'])
  // How one signs in there is not known either.
  if (preset !== undefined && (typeof preset !== 'string' || presetOf(preset) === null)) return []
  const isApi = ['gmail', 'graph'].includes(String(valueAt(source.data, [side, 'kind'])))
  const mode = isApi ? 'oauth' : at('mode')
  if (mode !== 'oauth' && mode !== 'password') return []
  if (preset === 'outlook.com' && mode === 'oauth') return [source.at([side, 'preset'], NO_APP, BY_OWNER)]
  const says = (keys: readonly string[], when: string): readonly Problem[] =>
    keys
      .filter((key) => at(key) !== undefined)
      .map((key) => source.at([side, 'auth', key], `${key} means nothing with ${when}`))
  if (mode === 'password')
    return says(['provider', ...MICROSOFT_KEYS, 'scope', 'endpoint', 'ca'], 'mode: password')
  const shared =
    at('credential') === PER_ACCOUNT
      ? [
          source.at(
            [side, 'auth', 'credential'],
            'one service account or application opens all accounts: name its credential',
          ),
        ]
      : []
  if (isApi) return shared
  const provider = at('provider')
  const missing = (key: string): readonly Problem[] =>
    at(key) === undefined
      ? [source.at([side, 'auth'], `${side}.auth.${key} is missing, which mode: oauth needs`)]
      : []
  return [
    ...shared,
    ...says(['authorize'], 'mode: oauth: the token says whose mailbox it opens'),
    ...missing('provider'),
    ...(provider === 'google' ? says(MICROSOFT_KEYS, 'provider: google') : []),
    ...(provider === 'microsoft' ? MICROSOFT_KEYS.flatMap(missing) : []),
  ]
}

function filterChecks(source: YamlSource): readonly Problem[] {
  const after = parsed(source, ['filters', 'after'], parseInstant)
  const before = parsed(source, ['filters', 'before'], parseInstant)
  if (after === null || before === null || after < before) return []
  return [source.at(['filters', 'before'], 'before is not later than after: no message would be moved')]
}

function limitChecks(source: YamlSource): readonly Problem[] {
  const threshold = parsed(source, ['limits', 'spool_threshold'], parseSize)
  const memory = parsed(source, ['limits', 'memory'], parseSize) ?? DEFAULT_LIMITS.memoryBytes
  if (threshold === null || threshold <= memory) return []
  const hint = `lower it, or raise limits.memory (${memory} bytes)`
  return [source.at(['limits', 'spool_threshold'], 'spool_threshold is larger than memory', hint)]
}

function ruleChecks(source: YamlSource): readonly Problem[] {
  const rules = valueAt(source.data, ['mapping', 'rules'])
  if (!Array.isArray(rules)) return []
  const seen = new Set<string>()
  return rules.flatMap((_, index) => {
    const path = ['mapping', 'rules', index, 'from']
    const from = valueAt(source.data, path)
    if (typeof from !== 'string') return []
    const mailbox = formatPath(parsePath(from))
    if (seen.has(mailbox)) return [source.at(path, `a second rule for "${mailbox}"`)]
    seen.add(mailbox)
    return []
  })
}

function parsed(
  source: YamlSource,
  path: readonly PropertyKey[],
  parse: (text: string) => number | null,
): number | null {
  const value = valueAt(source.data, path)
  return typeof value === 'string' || typeof value === 'number' ? parse(String(value)) : null
}
