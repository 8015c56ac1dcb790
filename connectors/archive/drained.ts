/** A stream of the tar library that can be written to. */
interface Drain {
  readonly destroyed: boolean
  once(event: 'drain' | 'close', listener: () => void): unknown
  removeListener(event: 'drain' | 'close', listener: () => void): unknown
}

/** Waits until a stream has room again, or is no more. Leaves no listener behind: a large volume waits thousands of times. */
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
