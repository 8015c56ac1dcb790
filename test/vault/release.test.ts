import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { temporaryFolder } from './folder.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))

/** Compiles the folders as a release does, file by file, into a folder of its own. */
function compile(folders: readonly string[]): string {
  const target = temporaryFolder()
  writeFileSync(join(target, 'package.json'), '{"type":"module"}')
  symlinkSync(join(REPOSITORY, 'node_modules'), join(target, 'node_modules'))
  const compilerOptions: ts.CompilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  }
  for (const folder of folders) {
    mkdirSync(join(target, folder), { recursive: true })
    for (const name of readdirSync(join(REPOSITORY, folder)).filter((entry) => entry.endsWith('.mjs')))
      copyFileSync(join(REPOSITORY, folder, name), join(target, folder, name.replace(/mjs$/, 'js')))
    for (const name of readdirSync(join(REPOSITORY, folder)).filter((entry) => entry.endsWith('.ts'))) {
      const source = readFileSync(join(REPOSITORY, folder, name), 'utf8')
      const { outputText } = ts.transpileModule(source, { compilerOptions })
      writeFileSync(join(target, folder, name.replace(/ts$/, 'js')), outputText)
    }
  }
  return target
}

test('a release, which has no loader for TypeScript, derives keys in a child process too', () => {
  const folder = compile(['src/core', 'vault'])
  writeFileSync(
    join(folder, 'main.js'),
    `import { stretchPassphrase } from './vault/kdf.js'
     import { kdfParametersOf } from './vault/kdf-profile.js'
     import { Secret } from './vault/secret.js'
     const salt = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
     const secret = Secret.fromBytes(Buffer.from('correct horse'))
     const key = await stretchPassphrase(secret, salt, kdfParametersOf('interactive'))
     console.log(key.toString('hex'))`,
  )
  const output = execFileSync(process.execPath, [join(folder, 'main.js')], { encoding: 'utf8', cwd: '/' })
  expect(output.trim()).toBe('9aab5a81db651bf866ff7b6169794d2ad9bb00f3d95177925a5fca692a34dbd1')
})
