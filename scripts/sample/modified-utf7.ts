/** Encodes a mailbox name as it stands on the wire and in Maildir (RFC 3501 section 5.1.3). */
export function encodeModifiedUtf7(name: string): string {
  return name.replace(/&|[^\x20-\x7e]+/g, (run) => {
    if (run === '&') return '&-'
    const units = Buffer.from(run, 'utf16le').swap16()
    return `&${units.toString('base64').replaceAll('/', ',').replace(/=+$/, '')}-`
  })
}

/** Decodes what `encodeModifiedUtf7` made. */
export function decodeModifiedUtf7(wire: string): string {
  return wire.replace(/&([A-Za-z0-9+,]*)-/g, (_, run: string) =>
    run === '' ? '&' : Buffer.from(run.replaceAll(',', '/'), 'base64').swap16().toString('utf16le'),
  )
}
