import { defineCommand } from '../../define-command.ts'
import { serveMcp } from './serve.ts'

export default defineCommand({
  name: 'mcp',
  hidden: true,
  summary: 'serve the tool send_to_peer to the agent of a session, over standard input and output (MCP)',
  run: serveMcp,
})
