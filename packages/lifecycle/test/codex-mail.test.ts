import { appendFileSync, copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { toIdentity } from '@iapeer/core/identity'
import { type Attempt, isMessageId, type MessageId, type WayName } from '@iapeer/core/mailbox'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { parseRolloutLine } from '../src/conversations/codex/rollout.ts'
import { RpcClient, RpcRefused, RpcSilent } from '../src/conversations/codex/rpc-client.ts'
import { parseThread, parseTurn, timeOfId } from '../src/conversations/codex/threads.ts'
import { holdsAttempt } from '../src/mail/ways/codex/envelope-proof.ts'
import { findInRollout } from '../src/mail/ways/codex/find-in-rollout.ts'
import {
  mcpArguments,
  permissionsIn,
  splitArguments,
  splitCommand,
  withoutPermissions,
} from '../src/runtimes/codex-arguments.ts'

const track = asyncCleanups()
const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
const ROLLOUT = fixture('codex-rollout.jsonl')

function idOf(letter: string): MessageId {
  const id = `m_${letter.repeat(16)}`
  if (!isMessageId(id)) throw new Error(`not an id: ${id}`)
  return id
}

interface Wanted {
  readonly letter: string
  readonly mark?: string
  readonly n?: number
  readonly way?: WayName
  readonly path?: string
  readonly offset?: number
  readonly inode?: string
}

function requestOf({ letter, mark = 'mark-1', n = 1, way = 'app-server', path = ROLLOUT, ...where }: Wanted) {
  const attempt: Attempt = {
    ...{ n, way, mark, identity: toIdentity('codex-bob'), gen: '', leader: '1:1', uptimeMs: 0 },
    ...{ at: '2026-11-29T13:55:55.000Z', conversation: { kind: 'codex', id: 'thread', path, ...where } },
  }
  const offer = { text: '', messages: [], mark, sender: 'ann', priority: 'next' } as const
  return { id: idOf(letter), attempt, offer }
}

const envelope = (letter: string, n = 1): string =>
  `<iap id="${idOf(letter)}"${n === 1 ? '' : ` n="${n}"`} from="ann" runtime="claude">\n<msg>hello</msg>\n</iap>`

describe('a text of a user', () => {
  it.each([
    ['only our envelope', envelope('a'), true],
    ['our envelope among others', `${envelope('b')}\n\n${envelope('a')}`, true],
    ['our envelope with another number', envelope('a', 2), false],
    ['another envelope', envelope('b'), false],
    ['our envelope after other words', `did you get ${envelope('a')}?`, false],
    ['our envelope before other words', `${envelope('a')} did you get that?`, false],
    ['only our id', idOf('a'), false],
    [
      'our envelope quoted in another one',
      `<iap id="${idOf('b')}" from="ann" runtime="claude">\n<msg><![CDATA[${envelope('a')}]]></msg>\n</iap>`,
      false,
    ],
    ['the start of our envelope', envelope('a').slice(0, 60), false],
  ])('that is %s: holds the attempt is %s', (_what, text, holds) => {
    expect(holdsAttempt(text, requestOf({ letter: 'a' }))).toBe(holds)
  })
})

describe('a rollout', () => {
  it.each([
    ['an idle thread', { letter: 'a' }, 'ended'],
    ['a running turn', { letter: 'd', mark: 'mark-2', n: 2 }, 'ended'],
  ] as const)(
    'shows a message that was taken by %s, and how its turn went on',
    async (_what, wanted, kind) => {
      expect(await findInRollout(requestOf(wanted))).toMatchObject({ outcome: { kind } })
    },
  )

  it.each([
    ['another number', { letter: 'd', mark: 'mark-2' }],
    ['another mark', { letter: 'a', mark: 'mark-9' }],
    ['an id that a tool printed', { letter: 'b' }],
    ['an id that the model wrote', { letter: 'c' }],
    ['an attempt that was made after it', { letter: 'a', offset: statSync(ROLLOUT).size }],
    ['a file that does not exist', { letter: 'a', path: '/nonexistent/rollout.jsonl' }],
  ])('proves nothing for %s', async (_what, wanted) => {
    expect(await findInRollout(requestOf(wanted))).toBeUndefined()
  })

  it('is read from its start if it was replaced or cut, and a line that is still being written counts only when it is whole', async () => {
    const directory = privateDirectory()
    track(directory.remove)
    const path = join(directory.path, 'rollout.jsonl')
    copyFileSync(ROLLOUT, path)
    expect(await findInRollout(requestOf({ letter: 'a', path, offset: 1e9 }))).toBeDefined()
    expect(await findInRollout(requestOf({ letter: 'a', path, offset: 8_000, inode: '1' }))).toBeDefined()
    const [line = ''] = readFileSync(ROLLOUT, 'utf8')
      .split('\n')
      .filter((one) => one.includes('"mark-1"'))
    writeFileSync(path, line.slice(0, 200))
    expect(await findInRollout(requestOf({ letter: 'a', path }))).toBeUndefined()
    appendFileSync(path, `${line.slice(200)}\n`)
    expect(await findInRollout(requestOf({ letter: 'a', path }))).toMatchObject({
      outcome: { kind: 'running' },
    })
  })

  it('tells completed, interrupted and failed turns apart', () => {
    const ends = readFileSync(ROLLOUT, 'utf8')
      .split('\n')
      .map(parseRolloutLine)
      .flatMap((record) => (record?.kind === 'end' ? [record.outcome.kind] : []))
    expect(ends).toEqual(['ended', 'ended', 'ended', 'interrupted', 'failed'])
  })
})

describe('an app-server', () => {
  const recorded: { readonly thread: object; readonly turns: readonly unknown[] } = JSON.parse(
    readFileSync(fixture('codex-thread.json'), 'utf8'),
  )

  it('describes its threads and turns', () => {
    expect(parseThread(recorded.thread)).toMatchObject({ status: 'idle', waitsFor: [], isOfPerson: true })
    const waiting = { type: 'active', activeFlags: ['waitingOnApproval'] }
    expect(parseThread({ ...recorded.thread, status: waiting })).toMatchObject({
      waitsFor: ['waitingOnApproval'],
    })
    expect(parseThread({ ...recorded.thread, ephemeral: true })?.isOfPerson).toBe(false)
    expect(parseThread({ ...recorded.thread, parentThreadId: 'other' })?.isOfPerson).toBe(false)
    expect(parseThread({})).toBeUndefined()
    const turns = recorded.turns.map(parseTurn)
    expect(turns.map((turn) => turn?.status)).toEqual(['completed', 'completed', 'completed', 'interrupted'])
    expect(turns[2]?.userItems.map(({ clientId }) => clientId)).toContain('mark-2')
    expect(timeOfId('01a22797-461d-7322-b637-220d30867dcf')).toBe(Date.parse('2026-11-29T13:55:55.037Z'))
    expect(timeOfId('01a22797-461d-4322-b637-220d30867dcf')).toBeUndefined()
  })

  it('gets no answer to its requests, and its errors and its silence are told apart', async () => {
    const sent: string[] = []
    const heard: string[] = []
    const client = new RpcClient((method) => heard.push(method))
    const starting = client.start({ send: (text) => sent.push(text), close: () => undefined })
    client.receive('{"id":1,"result":{}}')
    await starting
    const before = sent.length
    client.receive('{"id":1,"method":"item/commandExecution/requestApproval","params":{}}')
    client.receive('{"method":"thread/started","params":{}}')
    client.receive('not JSON')
    expect([sent.length, heard]).toEqual([before, ['thread/started']])
    const refused = client.request('turn/steer')
    client.receive('{"id":2,"error":{"code":-32600,"message":"no active turn"}}')
    await expect(refused).rejects.toThrow(new RpcRefused('no active turn'))
    const silent = client.request('thread/read')
    client.close()
    await expect(silent).rejects.toBeInstanceOf(RpcSilent)
    await expect(client.request('thread/read')).rejects.toBeInstanceOf(RpcSilent)
  })
})

describe('the arguments of Codex', () => {
  it('are distributed between an app-server and its TUI', () => {
    const split = splitArguments([
      '-s',
      'read-only',
      '--ask-for-approval=never',
      '-m',
      'o3',
      '-c',
      'a=1',
      '--no-daemon',
      '--no-alt-screen',
    ])
    const settings = ['-c', 'sandbox_mode="read-only"', '-c', 'approval_policy="never"']
    expect(split).toEqual({
      server: [...settings, '-c', 'model="o3"', '-c', 'a=1'],
      tui: [...settings, '-m', 'o3', '-c', 'a=1', '--no-alt-screen'],
    })
    expect(permissionsIn(split?.server ?? [])).toEqual({ approval: 'never', sandbox: 'read-only' })
    expect(withoutPermissions(split?.tui ?? [])).toEqual(['-m', 'o3', '-c', 'a=1', '--no-alt-screen'])
  })

  it.each([['--add-dir', '/tmp'], ['--profile', 'work'], ['--oss'], ['a prompt'], ['-m'], ['--unknown=1']])(
    'that have no meaning with an app-server keep it away: %s %s',
    (...args) => expect(splitArguments(args)).toBeUndefined(),
  )

  it('follow the program, which a wrapper can start', () => {
    expect(splitCommand(['/opt/my-agent'])).toEqual({ program: ['/opt/my-agent'], args: [] })
    expect(splitCommand(['nice', '/opt/codex', '-m', 'o3'])).toEqual({
      program: ['nice', '/opt/codex'],
      args: ['-m', 'o3'],
    })
    expect(splitCommand(['ssh', 'host', 'agent'])).toBeUndefined()
  })

  it('add the MCP server of iapeer by its URL or its program', () => {
    expect(mcpArguments({})).toEqual([])
    expect(mcpArguments({ mcpUrl: 'http://127.0.0.1:1/mcp' })).toEqual([
      ...['-c', 'mcp_servers.iapeer.url="http://127.0.0.1:1/mcp"'],
      ...['-c', 'mcp_servers.iapeer.bearer_token_env_var="IAPEER_BEARER"'],
    ])
    expect(mcpArguments({ mcpCommand: ['iapeer', 'mcp'] })).toEqual([
      ...['-c', 'mcp_servers.iapeer.command="iapeer"', '-c', 'mcp_servers.iapeer.args=["mcp"]'],
      ...['-c', 'mcp_servers.iapeer.env_vars=["IAPEER_BEARER", "IAPEER_MAIL_DIR", "IAPEER_ROOT"]'],
    ])
  })
})
