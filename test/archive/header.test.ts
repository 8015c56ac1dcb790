import { describe, expect, it } from 'vitest'
import { encodeLine, FORMAT, parseHeader, type VolumeHeader } from '../../connectors/archive/manifest.ts'
import { thrownBy } from '../thrown-by.ts'

const SHA256 = 'ab'.repeat(32)
const HEADER: VolumeHeader = {
  format: FORMAT,
  series: '0'.repeat(32),
  set: 'f'.repeat(32),
  sequence: 2,
  volume: 3,
  previous: SHA256,
  parent: { set: '1'.repeat(32), sha256: SHA256 },
  account: 'anna@example.com',
  form: 'eml',
  began: '2026-03-10T12:00:00Z',
}

describe('the header of a volume', () => {
  it.each([{}, { previous: null }, { parent: null }, { account: null }, { form: 'mbox' }])(
    'is read as it was written: %j',
    (changed) => {
      const header = { ...HEADER, ...changed } as VolumeHeader
      expect(parseHeader(encodeLine(header))).toEqual(header)
    },
  )

  it.each([
    { series: '0' },
    { set: 'g'.repeat(32) },
    { set: 7 },
    { sequence: '2' },
    { volume: -1 },
    { previous: 'ab' },
    { previous: 7 },
    { parent: {} },
    { parent: { set: '1'.repeat(32), sha256: 'ab' } },
    { account: 7 },
    { form: 'zip' },
    { began: null },
  ])('is damaged where one thing in it is not what it can be: %j', (changed) => {
    const text = `${JSON.stringify({ ...HEADER, ...changed })}\n`
    expect(thrownBy(() => parseHeader(text))).toMatchObject({
      kind: 'corrupt',
      message: 'the header of the volume is damaged',
    })
  })

  it('of another format is named as such, with what may be the reason', () => {
    const error = thrownBy(() => parseHeader(JSON.stringify({ ...HEADER, format: 'sealpost-backup-v2' })))
    expect(error.message).toContain('another format')
    expect(error.hint).toContain('newer version')
  })
})
