/** One message of the round trip. */
export interface Sample {
  /** What is special about it, as it is told. */
  readonly name: string
  readonly bytes: Buffer
  readonly internalDate: number
  readonly flags: readonly string[]
}

const DATE = Date.UTC(2019, 2, 14, 9, 26, 53)
const YEAR_MS = 365 * 86_400_000

/** What servers are known to change, one at a time, each a second apart. `now` in milliseconds; text made up by us. */
export function roundTripSamples(now: number): readonly Sample[] {
  const head = (name: string): string =>
    `From: Doctor <doctor@sealpost.invalid>\r\nTo: doctor@sealpost.invalid\r\nSubject: sealpost doctor, ${name}\r\nMessage-ID: <${name.replace(/\W+/g, '-')}@sealpost.invalid>\r\n`
  const text = (
    name: string,
    body: string,
    more: Partial<Sample> = {},
  ): Omit<Sample, 'internalDate'> & Partial<Sample> => ({
    name,
    bytes: Buffer.from(`${head(name)}\r\n${body}`, 'latin1'),
    flags: ['\\Seen'],
    ...more,
  })
  const twin = text('one of two equal messages', 'The same twice.\r\n')
  const samples = [
    text('plain', 'Written by sealpost doctor. It may be deleted.\r\n'),
    text('bare line feeds', 'one\ntwo\nthree\n'),
    text('no line end at the end', 'the last line ends here'),
    text('doubled carriage returns', 'one\r\r\ntwo\r\r\n'),
    text('a NUL byte', 'before\0after\r\n'),
    text('8-bit header and body', 'gr\xfc\xdfe\r\n', {
      bytes: Buffer.from(`${head('8-bit header and body')}X-Name: J\xfcrgen\r\n\r\ngr\xfc\xdfe\r\n`, 'latin1'),
    }),
    text('a line of 20,000 characters', `${'x'.repeat(20_000)}\r\n`),
    text('a first line From', '', {
      bytes: Buffer.from('From nobody Thu Mar 14 09:26:53 2019\r\nSubject: x\r\n\r\nbody\r\n'),
    }),
    text('all system flags', 'flags\r\n', { flags: ['\\Answered', '\\Draft', '\\Flagged', '\\Seen'] }),
    text('keywords', 'keywords\r\n', { flags: ['$Forwarded', 'Sealpost-Doctor', 'a.b'] }),
    text('a date of 1901', 'old\r\n', { internalDate: Date.UTC(1901, 0, 2) }),
    text('a date in a year', 'ahead\r\n', { internalDate: now + YEAR_MS }),
    twin,
    { ...twin, name: 'the other of the two' },
  ]
  return samples.map((sample, i) => ({ ...sample, internalDate: sample.internalDate ?? DATE + i * 61_000 }))
}
