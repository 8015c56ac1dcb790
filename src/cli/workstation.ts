import { inspectWorkstation } from '../signoff/inspect-workstation.ts'
import type { ProcessFacts } from '../signoff/inspect-system.ts'
import type { Workstation } from '../signoff/state.ts'
import type { CommandContext } from './context.ts'
import { runsOnPackedNode } from './version.ts'

/** Variables that bring foreign code or authorities into a process and are not refused at the start. */
const LOADING_VARIABLES = ['LD_PRELOAD', 'LD_AUDIT', 'DYLD_INSERT_LIBRARIES', 'NODE_EXTRA_CA_CERTS']

/** What of a project is looked at besides the workspace. */
export interface InspectedProject {
  readonly slotFolder: string
  /** Null where there is no project. */
  readonly folder: string | null
  readonly state: string | null
}

/** Looks at this workstation, for `doctor` and for the certificate alike. Never throws. */
export function inspectFor(context: CommandContext, project: InspectedProject): Promise<Workstation> {
  const { slotFolder, folder, state } = project
  return inspectWorkstation({
    slotFolder,
    projectFolder: folder,
    privateFolders: [context.home, ...(folder === null ? [] : [folder]), ...(state === null ? [] : [state])],
    user: context.systemUser,
    process: processFacts(context),
    now: context.clock.now(),
  })
}

function processFacts({ umask }: CommandContext): ProcessFacts {
  const { NODE_OPTIONS = '' } = process.env
  return {
    node: process.versions.node,
    nodeIsPacked: runsOnPackedNode(),
    umask: process.platform === 'win32' ? null : umask,
    options: [...process.execArgv, ...NODE_OPTIONS.split(/\s+/)].flatMap((option) => {
      const name = option.split('=', 1)[0] ?? ''
      return name.startsWith('-') ? [name] : []
    }),
    variables: LOADING_VARIABLES.filter((name) => (process.env[name] ?? '') !== ''),
  }
}
