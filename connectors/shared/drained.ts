/** A stream that can be written to, be it Node's or the tar library's. */
interface Drain {
  readonly destroyed: boolean
  once(event: 'drain' | 'close', listener: () => void): unknown
  removeListener(event: 'drain' | 'close', listener: () => void): unknown
}

/** Waits until a stream has room again, or is no more. Leaves no listener behind: a large body waits thousands of times. */
export function drained(stream: Drain): Promise<void> {
  if (stream.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const settle = (): void => {
      stream.removeListener('drain', settle)
      stream.removeListener('close', settle)
      resolve()
    }
    stream.once('drain', settle)
    stream.once('close', settle)
  })
}
