import { join } from 'node:path'

/** Where a workspace keeps its keys. */
export function keystoreFolder(root: string): string {
  return join(root, 'keystore')
}

/** The signed list of operators; a workspace exists when this does. */
export function operatorListPath(keystore: string): string {
  return join(keystore, 'operators.json')
}

/** Held by the process that changes the list of operators. */
export function operatorListLockPath(keystore: string): string {
  return join(keystore, 'operators.lock')
}

/** One key file an operator. */
export function operatorKeyFolder(keystore: string): string {
  return join(keystore, 'operators')
}

/** The key file of one operator. */
export function operatorKeyPath(keystore: string, name: string): string {
  return join(operatorKeyFolder(keystore), `${name}.key`)
}

/** The sealed copies of a key that several operators share. */
export function sharedKeyPath(keystore: string, kind: 'records' | 'certificate'): string {
  return join(keystore, `${kind}.json`)
}

/** One document a project: grants and wrapped keys. */
export function projectFolder(keystore: string): string {
  return join(keystore, 'projects')
}

/** The document of one project. */
export function projectPath(keystore: string, projectId: string): string {
  return join(projectFolder(keystore), `${projectId}.json`)
}

/** The next document of a project, while its keys are being made anew. */
export function nextProjectPath(keystore: string, projectId: string): string {
  return join(projectFolder(keystore), `${projectId}.next.json`)
}

/** Held by the process that changes a document of the project. */
export function projectLockPath(keystore: string, projectId: string): string {
  return `${projectPath(keystore, projectId)}.lock`
}

/** One shred key a project, where no other folder was chosen. */
export function slotFolder(keystore: string): string {
  return join(keystore, 'slots')
}

/** Counts of wrong guesses, by operator. */
export function attemptFolder(keystore: string): string {
  return join(keystore, 'attempts')
}

/** Second factors that operators have enrolled. */
export function factorFolder(keystore: string): string {
  return join(keystore, 'factors')
}
