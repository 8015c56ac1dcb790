/** Base64 of RFC 4648 section 4, padded. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** The bytes, or null when the text is not the one padded form of them; of another length than `bytes` is null too. */
export function decodeBase64(text: string, bytes?: number): Buffer | null {
  const decoded = Buffer.from(text, 'base64')
  if (decoded.toString('base64') !== text) return null
  return bytes === undefined || decoded.length === bytes ? decoded : null
}
