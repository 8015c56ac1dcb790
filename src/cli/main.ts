#!/usr/bin/env node
const { runCommandLine } = await import('./command-line.ts')
process.exitCode = await runCommandLine()
