import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { asyncCleanups, isFullCampaign } from '@iapeer/dev/testing'
import type { OtherUsers } from '@iapeer/host'
import { readMcpUrl } from '@iapeer/lifecycle/launch'
import { ANSWERS } from '@iapeer/protocol/routes'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { createLocalMail } from '../src/local-mail.ts'
import { McpEndpoint } from '../src/mcp/mcp-endpoint.ts'
import { bearerOf } from './mail-support.ts'
import { ask, post, roots } from './support.ts'

const newRoot = roots()
const track = asyncCleanups()
const ON = { IAPEER_MCP_HTTP: 'on' }
const portOf = (url: string | undefined): number => Number(new URL(url ?? '').port)

/** Connects the client of the reference library, as an agent does. */
async function connect(url: string, bearer: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' })
  track(() => client.close())
  const requestInit = { headers: { authorization: `Bearer ${bearer}` } }
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }))
  return client
}

describe('the MCP server on its port', () => {
  it.runIf(isFullCampaign())(
    'offers one tool, whose result says what became of the message, once for a repeated call',
    async () => {
      const test = newRoot()
      const { where } = await test.up(ON)
      const bearer = await bearerOf(test, where, 'bob')
      // It runs: a message would start it.
      await bearerOf(test, where, 'ann')
      writeFileSync(join(test.root, 'peers', 'bob', 'a.txt'), 'x')
      const client = await connect((await readMcpUrl(test.root)) ?? '', bearer)
      expect(client.getInstructions()).toContain('re')
      const { tools } = await client.listTools()
      expect(tools.map(({ name }) => name)).toEqual(['send_to_peer'])
      expect(JSON.stringify(tools).length).toBeLessThan(800)
      const call = (given: Record<string, unknown>, _meta: Record<string, unknown> = {}) =>
        client.callTool({ name: 'send_to_peer', arguments: given, _meta })
      const ann = { personality: 'ann', message: 'hi' }
      const meta = { 'claudecode/toolUseId': 'toolu_1' }
      const first = await call({ ...ann, attachments: ['a.txt'] }, meta)
      expect(first).toMatchObject({
        content: [{ text: expect.stringMatching(/^stored as m_[a-z2-7]{16} for ann/) }],
      })
      const [, id] = /(m_\w+)/.exec(JSON.stringify(first)) ?? []
      const again = await call({ ...ann, message: 'changed' }, meta)
      expect(JSON.stringify(again)).toContain(`already stored as ${id} for ann (waiting`)
      expect(JSON.stringify(await call({ ...ann, topic: '' }, { callId: 'other' }))).toContain(
        'already stored',
      )
      const failed = await call({ personality: 'unknown', message: 'hi' })
      expect(failed).toMatchObject({
        isError: true,
        content: [{ text: expect.stringContaining('no-such-peer') }],
      })
      expect(await call({ to: 'ann' })).toMatchObject({ isError: true })
      const message = (await ask(where, `/v1/messages/${id}`)).json()
      expect(message).toMatchObject({
        from: { proof: 'bearer', identity: 'command-bob' },
        attachments: [{ bytes: 1 }],
      })
      await post(where, '/v1/peers/bob/stop')
      await expect(call({ personality: 'ann', message: 'dead' })).rejects.toThrow(/bearer-unknown|403/)
    },
    20_000,
  )

  it('refuses other hosts, web pages, a missing and an unknown bearer, by name', async () => {
    const test = newRoot()
    const { where } = await test.up(ON)
    const bearer = await bearerOf(test, where, 'bob')
    const port = portOf(await readMcpUrl(test.root))
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
    const authorization = `Bearer ${bearer}`
    const accept = 'application/json, text/event-stream'
    const refused: [string, Record<string, string>][] = [
      ['host-refused', { authorization, host: 'evil.example' }],
      ['origin-refused', { authorization, origin: 'https://evil.example' }],
      ['origin-refused', { authorization, origin: 'null' }],
      ['bearer-unknown', {}],
      ['bearer-unknown', { authorization: 'Bearer iapb_of-a-dead-session' }],
      ['bearer-unknown', { authorization: `Basic ${bearer}` }],
    ]
    for (const [code, headers] of refused)
      expect(await post({ port }, '/mcp', list, { accept, ...headers })).toMatchObject({
        status: 403,
        text: expect.stringContaining(`"${code}"`),
      })
    const allowed = { accept, authorization, origin: 'http://localhost:1' }
    expect((await post({ port }, '/mcp', list, allowed)).status).toBe(200)
    expect((await ask({ port }, '/mcp', { headers: { authorization } })).status).toBe(405)
    expect((await ask({ port }, '/v1/fleet', { headers: { authorization } })).status).toBe(404)
    for (const body of ['{', '[]', '7', 'null', '{"jsonrpc":"2.0"}'])
      expect(
        (
          await ask({ port }, '/mcp', {
            method: 'POST',
            body,
            headers: { accept, authorization, 'content-type': 'application/json' },
          })
        ).status,
      ).toBe(400)
  }, 20_000)

  it('keeps its port over a restart; a port that was taken is reported and never replaced', async () => {
    const { root, up } = newRoot()
    const first = await up(ON)
    const port = portOf(await readMcpUrl(root))
    await first.end()
    expect(await readMcpUrl(root)).toBe(undefined)
    const second = await up(ON)
    expect(portOf(await readMcpUrl(root))).toBe(port)
    // A daemon that was killed leaves its address behind: it has no effect.
    await second.end('SIGKILL')
    expect(existsSync(join(root, 'run', 'mcp.json'))).toBe(true)
    expect(await readMcpUrl(root)).toBe(undefined)
    const squatter = createServer().listen(port, '127.0.0.1')
    track(() => squatter.close())
    await once(squatter, 'listening')
    const third = await up(ON)
    const { json } = await ask(third.where, '/healthz')
    expect(json()).toMatchObject({
      status: 'degraded',
      problems: [{ id: 'mcp-port', what: expect.stringContaining(`port ${port}`) }],
    })
    expect(ANSWERS.Health.safeParse(json()).success).toBe(true)
    expect(await readMcpUrl(root)).toBe(undefined)
    expect(readFileSync(join(root, 'state', 'mcp.port'), 'utf8')).toBe(`${port}\n`)
  }, 20_000)

  it('is not offered to new sessions while other people use the host, and is offered when the host is known to have none', async () => {
    const { root, up } = newRoot()
    await up({ IAPEER_MCP_HTTP: 'off' })
    expect(existsSync(join(root, 'state', 'mcp.port'))).toBe(false)
    const users: OtherUsers[] = [
      { kind: 'some', uids: [1_001] },
      { kind: 'unknown', why: 'hidden' },
      { kind: 'none' },
      { kind: 'some', uids: [1_001] },
    ]
    const log = pino({ level: 'silent' })
    const endpoint = new McpEndpoint({
      ...{ root, env: {}, mail: createLocalMail(root), log },
      users: async () => users.shift() ?? { kind: 'none' },
    })
    track(() => endpoint.stop(100))
    const offered: boolean[] = []
    for (let at = 0; at < 4; at++) {
      await endpoint.check()
      offered.push((await readMcpUrl(root)) !== undefined)
    }
    expect(offered).toEqual([false, false, true, false])
    expect(endpoint.problems()).toEqual([])
  })
})
