import { vi } from 'vitest'

/** How many more changes on the disk succeed before the process "is killed"; null: all of them. */
export const disk: { left: number | null; killed: boolean } = { left: null, killed: false }

/** What a killed process never gets to see. */
export class Killed extends Error {}

/** Arms the disk: so many changes succeed, and nothing after them, until it is disarmed. */
export function killAfter(changes: number): void {
  disk.left = changes
  disk.killed = false
}

/** Lets changes through again. */
export function disarm(): void {
  disk.left = null
}

/** One change on the disk: counted, or refused as by a kill just before it. */
export async function change<T>(work: () => Promise<T>): Promise<T> {
  return changeNow(work)
}

/** The same for one that is done when it returns. */
export function changeNow<T>(work: () => T): T {
  if (disk.left === 0) {
    disk.killed = true
    throw new Killed('killed')
  }
  if (disk.left !== null) disk.left--
  return work()
}

/** Stands in for a module of which these functions change the disk as one step each. */
export async function armed<M extends object>(load: () => Promise<M>, names: readonly (keyof M)[]): Promise<M> {
  const real = await load()
  const counted = names.map((name) => {
    const original = real[name] as (...values: unknown[]) => Promise<unknown>
    return [name, vi.fn((...values: unknown[]) => change(() => original(...values)))]
  })
  return { ...real, ...(Object.fromEntries(counted) as Partial<M>) }
}
