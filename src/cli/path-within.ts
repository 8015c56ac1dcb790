import { isAbsolute, relative } from 'node:path'

/** True when `path` is `folder` or lies below it. Both absolute and without links. */
export function isPathWithin(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way === '' || !(way === '..' || way.startsWith('../') || way.startsWith('..\\') || isAbsolute(way))
}
