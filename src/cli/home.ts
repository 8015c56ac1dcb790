import { resolve } from 'node:path'
import envPaths from 'env-paths'

/** The workspace folder: `SEALPOST_HOME`, else the platform's place for data. */
export function workspaceHome(environment: Readonly<Record<string, string | undefined>>): string {
  const home = environment['SEALPOST_HOME']
  return home === undefined || home === '' ? envPaths('sealpost', { suffix: '' }).data : resolve(home)
}
