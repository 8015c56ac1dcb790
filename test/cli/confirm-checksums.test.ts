import { describe, expect, it } from 'vitest'
import { confirmByChecksums } from '../../src/cli/backup/confirm.ts'
import type { VolumeRecord } from '../../src/core/backups.ts'

const A = 'a1'.repeat(32)
const B = 'b2'.repeat(32)
const OTHER = 'c3'.repeat(32)
const VOLUMES = [
  ['/backups/anna.age', A],
  ['/backups/bert.age', B],
].map(([path, sha256]) => ({ path, sha256 }) as unknown as VolumeRecord)

describe('the checksums that a client read out', () => {
  it.each([
    ['in any order', [B, A]],
    ['in capitals and groups', [A.toUpperCase().replace(/(.{8})/g, '$1 '), B]],
    ['as one word of two lines', [`${A}\n${B}`]],
  ])('are good %s', (_, typed) => {
    expect(() => confirmByChecksums(VOLUMES, typed)).not.toThrow()
  })

  it.each([
    [[A], /^no checksum was given for bert\.age$/],
    [[A, A], /^no checksum was given for bert\.age$/],
    [[A, OTHER], /^c3[c3]+ is not that of bert\.age: the client’s copy is not whole/],
    [[OTHER], /^c3[c3]+ is not that of anna\.age, bert\.age: /],
    [[A, B, OTHER], /^c3[c3]+ belongs to none of these files$/],
    [[A, B.slice(1)], /64 hexadecimal digits$/],
    [[A, ''], /64 hexadecimal digits$/],
  ])('are refused for what is wrong with them: %j', (typed, message) => {
    expect(() => confirmByChecksums(VOLUMES, typed)).toThrow(message)
  })
})
