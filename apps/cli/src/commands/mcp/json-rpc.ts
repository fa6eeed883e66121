import { fieldsOf, parseJson, text } from '@iapeer/core/json'
import { INSTRUCTIONS, SEND_TOOL } from '@iapeer/protocol/mcp'
import { version } from '../../version.ts'

/** The versions of MCP that begin with `initialize`, the newest first. A client without one of them gets the newest. */
const VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const

const PARSE_ERROR = -32_700
const INVALID_REQUEST = -32_600
const NO_METHOD = -32_601
const INTERNAL = -32_603

/** An answer in JSON-RPC 2.0. */
export type RpcAnswer = {
  readonly jsonrpc: '2.0'
  readonly id: string | number | null
} & ({ readonly result: object } | { readonly error: { readonly code: number; readonly message: string } })

const failure = (id: RpcAnswer['id'], code: number, message: string): RpcAnswer => ({
  jsonrpc: '2.0',
  id,
  error: { code, message },
})

function initialized(params: unknown): object {
  const asked = text(fieldsOf(params)['protocolVersion'])
  return {
    protocolVersion: VERSIONS.find((one) => one === asked) ?? VERSIONS[0],
    capabilities: { tools: {} },
    serverInfo: { name: 'iapeer', version: version() },
    instructions: INSTRUCTIONS,
  }
}

/**
 * Answers one line of a client of the MCP server. Written by hand: each session may run one of these, and the library of MCP would make
 * it half as large again.
 * @param call answers `tools/call`
 * @returns undefined for a line that gets no answer: a notification, or an answer of the client
 */
export async function answerLine(
  line: string,
  call: (params: unknown) => Promise<object>,
): Promise<RpcAnswer | undefined> {
  const value = parseJson(line)
  if (value === undefined) return failure(null, PARSE_ERROR, 'not JSON, or longer than the limit')
  const { id, method, params } = fieldsOf(value)
  if (typeof method !== 'string')
    return 'id' in fieldsOf(value) && !Array.isArray(value)
      ? undefined
      : failure(null, INVALID_REQUEST, 'not a JSON-RPC request')
  if (typeof id !== 'string' && typeof id !== 'number') return undefined
  const result = (found: object): RpcAnswer => ({ jsonrpc: '2.0', id, result: found })
  if (method === 'initialize') return result(initialized(params))
  if (method === 'ping') return result({})
  if (method === 'tools/list') return result({ tools: [SEND_TOOL] })
  if (method !== 'tools/call') return failure(id, NO_METHOD, `unknown method: ${method}`)
  try {
    return result(await call(params))
  } catch (error) {
    return failure(id, INTERNAL, error instanceof Error ? error.message : String(error))
  }
}
