import { describe, expect, it } from 'vitest'
import { guardStart } from '../../src/cli/guards.ts'

const QUIET = { argv: [], execArgv: [], environment: {} }

describe('an unsafe start is refused', () => {
  it.each([
    ['--password'],
    ['--password=hunter2'],
    ['--secret'],
    ['--passphrase=hunter2'],
    ['--source-password'],
    ['--token'],
    ['--api-key=hunter2'],
    ['-password'],
    ['--PASSWORD=hunter2'],
  ])('%s', (argument) => {
    const start = { ...QUIET, argv: ['run', argument, 'hunter2'] }
    expect(() => guardStart(start)).toThrow(
      expect.objectContaining({ kind: 'config', code: 'SECRET_IN_ARGUMENTS' }),
    )
    expect(() => guardStart(start)).not.toThrow(/hunter2/)
  })

  it.each([
    '--passphrase-fd=3',
    '--passphrase-file',
    '--secret-fd',
    '--secret-file=x',
    '--json',
    '--client',
    '--compass',
  ])('%s is none', (argument) => {
    expect(() => guardStart({ ...QUIET, argv: [argument, 'x'] })).not.toThrow()
  })

  it.each([
    ['SEALPOST_PASSWORD', 'SECRET_IN_ENVIRONMENT'],
    ['SEALPOST_PASSPHRASE', 'SECRET_IN_ENVIRONMENT'],
    ['sealpost_token', 'SECRET_IN_ENVIRONMENT'],
    ['SEALPOST_DEBUG', 'UNKNOWN_ENVIRONMENT'],
  ])('%s in the environment', (name, code) => {
    const start = { ...QUIET, environment: { [name]: 'hunter2' } }
    expect(() => guardStart(start)).toThrow(expect.objectContaining({ kind: 'config', code }))
    expect(() => guardStart(start)).not.toThrow(/hunter2/)
  })

  it('SEALPOST_HOME is read', () => {
    expect(() => guardStart({ ...QUIET, environment: { SEALPOST_HOME: '/x', PATH: '/bin' } })).not.toThrow()
  })

  it.each([
    '--inspect',
    '--inspect-brk=9229',
    '--inspect_brk',
    '--heapsnapshot-signal=SIGUSR2',
    '--heapsnapshot-near-heap-limit=1',
    '--tls-keylog=/tmp/x',
    '--report-on-signal',
    '--report_uncaught_exception',
    '--trace-tls',
    '--tls-min-v1.0',
    '--tls-cipher-list=NULL',
    '--cpu-prof',
    '--trace-event-categories=node',
    '--abort-on-uncaught-exception',
    '--use-openssl-ca',
    '--openssl-config=/tmp/x',
    '--insecure-http-parser',
  ])('Node with %s', (option) => {
    expect(() => guardStart({ ...QUIET, execArgv: [option] })).toThrow(
      expect.objectContaining({ code: 'UNSAFE_RUNTIME' }),
    )
    const environment = { NODE_OPTIONS: `--max-old-space-size=100 "${option}"` }
    expect(() => guardStart({ ...QUIET, environment })).toThrow(
      expect.objectContaining({ code: 'UNSAFE_RUNTIME' }),
    )
  })

  it.each(['--require', '-r', '--import=x', '--loader', '--experimental-loader=x', '--env-file=.env'])(
    'NODE_OPTIONS that loads code: %s',
    (option) => {
      const environment = { NODE_OPTIONS: `--max-old-space-size=100 ${option} /opt/spy.js` }
      expect(() => guardStart({ ...QUIET, environment })).toThrow(
        expect.objectContaining({ kind: 'config', code: 'UNSAFE_RUNTIME' }),
      )
      // On its command line it is the starter's own business.
      expect(() => guardStart({ ...QUIET, execArgv: [option] })).not.toThrow()
    },
  )

  it.each(['NODE_DEBUG', 'NODE_DEBUG_NATIVE', 'SSLKEYLOGFILE', 'OPENSSL_CONF'])(
    '%s, and its value is not told',
    (name) => {
      const start = { ...QUIET, environment: { [name]: 'hunter2' } }
      expect(() => guardStart(start)).toThrow(
        expect.objectContaining({ kind: 'config', code: 'UNSAFE_ENVIRONMENT' }),
      )
      expect(() => guardStart(start)).not.toThrow(/hunter2/)
      expect(() => guardStart({ ...QUIET, environment: { [name]: '' } })).not.toThrow()
    },
  )

  it('other options of Node are left alone', () => {
    expect(() =>
      guardStart({ ...QUIET, execArgv: ['--import', 'x', '--max-old-space-size=64', '--tls-min-v1.3'] }),
    ).not.toThrow()
  })

  it('TLS that is not verified', () => {
    const environment = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
    expect(() => guardStart({ ...QUIET, environment })).toThrow(
      expect.objectContaining({ code: 'TLS_NOT_VERIFIED' }),
    )
    expect(() => guardStart({ ...QUIET, environment: { NODE_TLS_REJECT_UNAUTHORIZED: '1' } })).not.toThrow()
  })
})
