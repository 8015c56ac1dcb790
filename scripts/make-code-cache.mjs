// Makes the code cache of the built program, whose folder is named and whose parts come as JSON on stdin. Everything is
// compiled, called or not: V8 else leaves functions for their first call, and that is what a short run waits for.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import v8 from 'node:v8'
import { bindCache, cachePath, compilePart } from './load-part.mjs'

const folder = process.argv[2] ?? ''

for (const part of /** @type {string[]} */ (JSON.parse(await text(process.stdin)))) {
  const source = readFileSync(join(folder, part))
  v8.setFlagsFromString('--no-lazy')
  const script = compilePart(part, source, null)
  // The flags are part of what V8 compares.
  v8.setFlagsFromString('--lazy')
  const code = script.createCachedData()
  if (compilePart(part, source, code).cachedDataRejected !== false) {
    process.stderr.write(`V8 ${process.versions.v8} does not take what it made of ${part}\n`)
    process.exit(1)
  }
  const file = join(folder, cachePath(part))
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, bindCache(source, code))
}
