import { IapeerError } from '@iapeer/core/errors'
import { importLibrary } from '@iapeer/core/libraries'
import { callSendTool, INSTRUCTIONS, SEND_TOOL } from '@iapeer/protocol/mcp'
import type { McpHttpHandler } from '@modelcontextprotocol/server'
import { Hono } from 'hono'
import type { Logger } from 'pino'
import type { FleetMail } from '../fleet.ts'
import { assertLocalRequest, bearerOf } from '../http/auth.ts'
import type { ApiEnv } from '../http/context.ts'
import { errorResponse } from '../http/errors.ts'
import { MESSAGE_BYTES } from '../http/routes-messages.ts'
import { VERSION } from '../version.ts'

/** The path of the MCP server. */
export const MCP_PATH = '/mcp'

interface McpAppOptions {
  readonly mail: FleetMail
  readonly log: Logger
}

/** Loads the library of MCP, and returns what answers its requests. */
async function loadHandler({ mail, log }: McpAppOptions): Promise<McpHttpHandler> {
  const { createMcpHandler, Server } = await importLibrary(() => import('@modelcontextprotocol/server'))
  return createMcpHandler(
    ({ authInfo }) => {
      const server = new Server(
        { name: 'iapeer', version: VERSION },
        { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
      )
      server.setRequestHandler('tools/list', () => ({ tools: [SEND_TOOL] }))
      server.setRequestHandler('tools/call', ({ params }) =>
        callSendTool(params, async (message) =>
          mail.sendAs(await mail.senderOf(authInfo?.token ?? ''), message),
        ),
      )
      return server
    },
    {
      maxRequestBodySize: 2 * MESSAGE_BYTES,
      onerror: (error) => log.debug({ err: error }, 'a request to the MCP server was refused'),
    },
  )
}

/**
 * Creates the MCP server over HTTP, with the one tool. It holds no sessions: each request states the bearer of the session of the
 * peer that sends it. The library of MCP is loaded at the first request: it needs 6 MB, and many daemons never get one.
 */
export function createMcpApp(options: McpAppOptions): Hono<ApiEnv> {
  const { mail, log } = options
  let handler: Promise<McpHttpHandler> | undefined
  const app = new Hono<ApiEnv>()
  app.onError((error, context) => errorResponse(context, error, log))
  app.use(async (context, next) => {
    assertLocalRequest(context)
    await next()
  })
  app.all(MCP_PATH, async (context) => {
    const token = bearerOf(context)
    const { identity = '' } = await mail.senderOf(token)
    handler ??= loadHandler(options)
    return (await handler).fetch(context.req.raw, { authInfo: { token, clientId: identity, scopes: [] } })
  })
  app.notFound((context) => {
    throw new IapeerError(`the MCP server has no path ${context.req.path}`, { code: 'not-found' })
  })
  return app
}
