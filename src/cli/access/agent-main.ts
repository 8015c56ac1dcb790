// The process of the agent. What it does is a part of the program, which starts from its code cache.
const { runAgent } = await import('./run-agent.ts')
await runAgent()
