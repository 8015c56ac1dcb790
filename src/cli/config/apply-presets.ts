import { presetOf } from '../../../connectors/presets/presets.ts'
import { PER_ACCOUNT } from './project-types.ts'

type PlainMap = Readonly<Record<string, unknown>>

/**
 * The data of project.yaml with what its presets say filled in, wherever the file says nothing itself. A preset that is
 * not known fills nothing in; the schema names it. Never throws.
 */
export function withPresets(data: unknown): unknown {
  if (!isMap(data)) return data
  return { ...data, ...filled(data, 'source'), ...filled(data, 'destination') }
}

function filled(data: PlainMap, side: 'source' | 'destination'): PlainMap {
  const end = data[side]
  if (!isMap(end) || end['preset'] === undefined) return {}
  // Only IMAP ends have presets: an end of another kind has one too many, and needs nothing of it.
  if (end['kind'] !== undefined && end['kind'] !== 'imap') return {}
  const name = end['preset']
  const preset = typeof name === 'string' ? presetOf(name) : null
  // The one thing that is wrong with an unknown preset is its name: what it would have filled in is not missed.
  if (preset === null) {
    const auth = isMap(end['auth']) ? { auth: { mode: 'password', ...end['auth'] } } : {}
    return { [side]: { kind: 'imap', host: 'unknown.invalid', tls: { mode: 'implicit' }, ...end, ...auth } }
  }
  const tls = isMap(end['tls']) ? end['tls'] : {}
  const auth = isMap(end['auth']) ? end['auth'] : {}
  const directory = isMap(end['directory']) ? end['directory'] : null
  const mode = auth['mode'] ?? preset.auth.mode
  const isImplicit = (tls['mode'] ?? preset.tls) === preset.tls
  return {
    [side]: {
      kind: 'imap',
      ...(preset.host === null ? {} : { host: preset.host }),
      ...(isImplicit ? { port: preset.port } : {}),
      ...end,
      tls: end['tls'] === undefined || isMap(end['tls']) ? { mode: preset.tls, ...tls } : end['tls'],
      auth:
        end['auth'] === undefined || isMap(end['auth'])
          ? { mode, ...(mode === 'oauth' ? provider() : admin()), ...auth }
          : end['auth'],
      ...(directory === null || preset.directory === null
        ? {}
        : { directory: { kind: preset.directory, ...directory } }),
    },
  }

  function provider(): PlainMap {
    return preset?.auth.provider == null ? {} : { provider: preset.auth.provider }
  }

  /** How an administrator signs in, unless each account has a credential of its own or the file says how. */
  function admin(): PlainMap {
    const template = preset?.auth.admin ?? null
    const isOwn = auth['credential'] === PER_ACCOUNT || auth['credential'] === undefined
    if (template === null || isOwn || auth['username'] !== undefined || auth['authorize'] !== undefined) return {}
    const { username, authorize } = template
    return { username, ...(authorize === null ? {} : { authorize }) }
  }
}

function isMap(value: unknown): value is PlainMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
