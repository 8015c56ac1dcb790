import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import type { NoteSigner } from '../../src/core/audit.ts'

/** A signer under a key that only tests have; `seed` is one byte, repeated. */
export function testSigner(name: string, seed = 7): NoteSigner {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, seed)])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(12)
  return { name, publicKey, sign: async (bytes) => sign(null, bytes, key) }
}
