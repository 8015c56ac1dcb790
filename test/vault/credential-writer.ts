/** A process of its own that sets 20 credentials, one after the other: node credential-writer.ts FOLDER LETTER KEY_HEX */
import { systemClock } from '../../src/core/clock.ts'
import { openCredentialStore } from '../../vault/credentials.ts'
import { Secret } from '../../vault/secret.ts'

const [folder = '', letter = '', key = ''] = process.argv.slice(2)
const store = openCredentialStore(folder, 'p-1', Buffer.from(key, 'hex'), systemClock)
for (let i = 0; i < 20; i++) {
  const secret = Secret.fromBytes(Buffer.from(`secret ${i}`))
  await store.set({ name: `${letter}${i}`, kind: 'password', username: null, secret, expiresAt: null })
}
process.disconnect()
