import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asyncCleanups, isFullCampaign, run, until } from '@iapeer/dev/testing'
import { messageView } from '@iapeer/lifecycle/mail'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { describe, expect, it } from 'vitest'
import { type Home, homes, MAIN } from './support.ts'

const newHome = homes()
const track = asyncCleanups()

/** Starts bob, whose program writes its environment to a file. @returns what bob's programs know */
async function sessionOfBob(home: Home): Promise<Record<string, string>> {
  const program = 'env > env.tmp && mv env.tmp env.txt; exec sleep 1000'
  await home.iapeer('create', 'bob', '--', '/bin/sh', '-c', program)
  await home.iapeer('start', 'bob', '--no-daemon')
  const file = join(home.root, 'peers', 'bob', 'env.txt')
  await until('the environment of the session', () => existsSync(file))
  const text = readFileSync(file, 'utf8')
  const names = ['IAPEER_BEARER', 'IAPEER_ROOT', 'PEER_IDENTITY']
  return Object.fromEntries(
    names.map((name) => [name, new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1] ?? '']),
  )
}

/** Starts `iapeer mcp` as an agent does, with the environment of a session only. */
async function connect(home: Home, env: Record<string, string>): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' })
  track(() => client.close())
  const path = { PATH: process.env['PATH'] ?? '', HOME: home.path, ...env }
  const options = { command: process.execPath, args: [MAIN, 'mcp'], env: path, cwd: home.path }
  await client.connect(new StdioClientTransport(options))
  return client
}

const textOf = (result: unknown): string =>
  /"text":"((?:[^"\\]|\\.)*)"/.exec(JSON.stringify(result))?.[1] ?? ''
const idIn = (text: string): string => /m_[a-z2-7]{16}/.exec(text)?.[0] ?? ''

describe('iapeer mcp', () => {
  it.runIf(isFullCampaign())(
    'stores messages without a daemon and says so, and sends them by a daemon that is started later',
    async () => {
      const home = newHome()
      track(() => home.iapeer('daemon', 'stop'))
      const client = await connect(home, await sessionOfBob(home))
      expect(client.getInstructions()).toContain('re')
      expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['send_to_peer'])
      const call = async (message: string, _meta: Record<string, unknown> = {}) =>
        textOf(
          await client.callTool({
            name: 'send_to_peer',
            arguments: { personality: 'operator', message },
            _meta,
          }),
        )
      const without = await call('one', { callId: 'c1' })
      expect(without).toMatch(/^stored as m_[a-z2-7]{16} for operator.*\\nNo daemon is running/)
      await home.iapeer('daemon', 'start')
      // A call that is repeated after the daemon has come up is the same call for it.
      expect(await call('one', { callId: 'c1' })).toContain(`already stored as ${idIn(without)} for operator`)
      const by = await call('two', { callId: 'c2' })
      expect(by).toMatch(/^stored as m_[a-z2-7]{16} for operator/)
      expect(by).not.toContain('daemon')
      for (const id of [without, by].map(idIn))
        expect(await messageView(home.root, id)).toMatchObject({
          from: { kind: 'peer', proof: 'bearer', identity: 'command-bob' },
        })
      await home.iapeer('daemon', 'stop')
      expect(await call('three')).toContain('No daemon is running')
    },
    30_000,
  )

  it.runIf(isFullCampaign())(
    'refuses the bearer of a session that is over, with and without a daemon',
    async () => {
      const home = newHome()
      track(() => home.iapeer('daemon', 'stop'))
      const client = await connect(home, await sessionOfBob(home))
      await home.iapeer('stop', 'bob')
      const call = async () =>
        textOf(
          await client.callTool({
            name: 'send_to_peer',
            arguments: { personality: 'operator', message: 'x' },
          }),
        )
      expect(await call()).toContain('not sent (bearer-unknown)')
      await home.iapeer('daemon', 'start')
      expect(await call()).toContain('not sent (bearer-unknown)')
    },
    30_000,
  )

  it('answers each line that is not a request it knows with an error, prints nothing else and exits with its input', async () => {
    const home = newHome()
    const lines = [
      '{',
      '[]',
      '7',
      '{"jsonrpc":"2.0","id":1,"method":"resources/list"}',
      '{"jsonrpc":"2.0","method":"notifications/initialized"}',
      '{"jsonrpc":"2.0","id":2,"result":{}}',
      '{"jsonrpc":"2.0","id":3,"method":"initialize","params":{"protocolVersion":"2024-11-05"}}',
      '{"jsonrpc":"2.0","id":4,"method":"initialize","params":{"protocolVersion":"1999-01-01"}}',
      '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"other"}}',
      `{"jsonrpc":"2.0","id":6,"x":"${'x'.repeat(1_100_000)}","method":"ping"}`,
      '{"jsonrpc":"2.0","id":7,"method":"ping"}',
    ]
    const input = join(home.path, 'input')
    writeFileSync(input, `${lines.join('\n')}\n`)
    const program = ['exec "$1" "$2" mcp < "$3"', 'sh', process.execPath, MAIN, input]
    const done = await run('/bin/sh', ['-c', ...program], { env: home.env })
    const answers = done.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const byId = (id: number) => answers.find((one) => one.id === id)
    expect([done.exitCode, done.stderr]).toEqual([0, ''])
    expect(
      answers
        .filter(({ id }) => id === null)
        .map(({ error }) => error.code)
        .sort(),
    ).toEqual([-32_600, -32_600, -32_700, -32_700])
    expect(byId(1).error.code).toBe(-32_601)
    expect([3, 4].map((id) => byId(id).result.protocolVersion)).toEqual(['2024-11-05', '2025-11-25'])
    expect(byId(5).result.isError).toBe(true)
    expect(byId(7).result).toEqual({})
    expect(answers.length).toBe(9)
  })
})
