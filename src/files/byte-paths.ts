const SEPARATOR = Buffer.from('/')

/** The path of something in a folder. A name on a disk is bytes, which need not be UTF-8: as text it would be another one. */
export function joinBytes(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, SEPARATOR, name])
}
