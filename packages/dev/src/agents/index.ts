export { type FoundAgent, findAgent } from './find-agent.ts'
export { AGENT_NAMES, type AgentName, installAgent } from './install-agent.ts'
export { type ModelRequest, type ModelServer, type ModelStep, startModelServer } from './model-server.ts'
export { prepareHome } from './scratch-home.ts'
