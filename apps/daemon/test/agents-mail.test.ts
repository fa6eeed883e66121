import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import { createPeer, updatePeer } from '@iapeer/core/registry'
import { findAgent, type ModelServer, prepareHome, processesOf, startModelServer } from '@iapeer/dev/agents'
import { asyncCleanups, run, until } from '@iapeer/dev/testing'
import { stopNamed } from '@iapeer/lifecycle/fleet'
import { listInbox, listOutbox, readDeliveryLog, releaseMessage, sendMessage } from '@iapeer/lifecycle/mail'
import { describe, expect, it } from 'vitest'
import { roots } from './support.ts'

const newRoot = roots()
const track = asyncCleanups()
const [claude, codex] = [await findAgent('claude'), await findAgent('codex')]
const skipped = claude.skipped ?? codex.skipped
if (skipped !== undefined) console.warn(`the test of messages between real agents is skipped: ${skipped}`)

const OPERATOR = { kind: 'operator', proof: 'terminal' } as const

/** Returns the id that the newest request to a model brought in an envelope of a sender. */
const idFrom = (model: ModelServer, sender: string): string | undefined =>
  new RegExp(
    `<iap id=\\\\*"(m_[a-z2-7]{16})\\\\*" (?:n=[^ ]+ )?(?:re=[^ ]+ )?(?:again=[^ ]+ )?from=\\\\*"${sender}`,
  ).exec(
    model.requests
      .filter(({ isTurn }) => isTurn)
      .map(({ added }) => added)
      .join('\n'),
  )?.[1]

/** Starts the peers ann (Claude Code) and bob (Codex), each with a model server of its own, and a daemon. */
async function pair(): Promise<{
  readonly root: string
  readonly ann: ModelServer
  readonly bob: ModelServer
}> {
  const { directory, root, up } = newRoot()
  const [home, cwd] = [join(directory, 'home'), join(directory, 'work')]
  for (const path of [home, cwd]) mkdirSync(path)
  await run('git', ['init', '-q', cwd])
  const [ann, bob] = [await startModelServer(), await startModelServer()]
  track(ann.close)
  track(bob.close)
  prepareHome('codex', { home, modelUrl: bob.url, trusted: cwd })
  const env = prepareHome('claude', { home, modelUrl: ann.url, trusted: cwd })
  for (const [name, runtime, program] of [
    ['ann', 'claude', claude.program],
    ['bob', 'codex', codex.program],
  ] as const) {
    await createPeer(root, {
      personality: toPersonality(name),
      defaultRuntime: toRuntime(runtime),
      command: [program ?? ''],
    })
    await updatePeer(root, name, { cwd, trustedCwd: cwd, permissions: 'skip' })
  }
  const daemon = await up({ ...env, IAPEER_MCP_HTTP: 'on' })
  track(async () => {
    await daemon.end()
    for (const name of ['ann', 'bob']) await stopNamed(root, name, { by: 'a test' })
    await until('their processes to exit', () => processesOf(home).length === 0, 20_000)
  })
  return { root, ann, bob }
}

const OPTIONS = { timeout: 120_000, tags: ['claude', 'codex'] }

describe.skipIf(skipped !== undefined)('Claude Code and Codex', OPTIONS, () => {
  it('talk through the tool: a message of a person starts one, that one starts the other, and the answer comes back', async () => {
    const { root, ann: claudeModel, bob: codexModel } = await pair()
    const call = { personality: 'bob', message: 'What is the colour?' }
    claudeModel.script(
      { tools: [{ tool: 'mcp__iapeer__send_to_peer', input: call }] },
      { text: 'I asked bob.' },
    )
    const first = await sendMessage(root, {
      to: 'ann',
      text: 'Ask bob for the colour.',
      sender: OPERATOR,
      env: {},
    })
    const question = await until('the question of ann', () => idFrom(codexModel, 'ann'), 60_000)
    expect(await listInbox(root, 'bob', { all: true })).toMatchObject([
      { id: question, sender: 'ann', from: { proof: 'bearer', identity: 'claude-ann' }, hops: 1 },
    ])
    // The model of Codex answers the next turn with the tool.
    codexModel.script(
      {
        tools: [
          {
            tool: 'send_to_peer',
            namespace: 'mcp__iapeer',
            input: { personality: 'ann', message: 'green', re: question },
          },
        ],
      },
      { text: 'I answered.' },
    )
    await sendMessage(root, { to: 'bob', text: 'Answer ann.', sender: OPERATOR, env: {} })
    const answer = await until('the answer of bob', () => idFrom(claudeModel, 'bob'), 60_000)

    expect((await listInbox(root, 'bob', { all: true })).find(({ id }) => id === question)).toMatchObject({
      state: 'answered',
      answeredBy: answer,
      taken: { identity: 'codex-bob', way: 'app-server' },
    })
    await until(
      'every message to be closed',
      async () => [...(await listInbox(root, 'ann')), ...(await listInbox(root, 'bob'))].length === 0,
      30_000,
    )
    const hops = readDeliveryLog(root)
      .filter(({ state }) => state === 'taken')
      .map(({ id, from, to, way }) => ({ id, from, to, way }))
    expect(hops).toEqual([
      { id: first.id, from: 'operator', to: 'ann', way: 'inbox' },
      { id: question, from: 'ann', to: 'bob', way: 'app-server' },
      expect.objectContaining({ from: 'operator', to: 'bob', way: 'app-server' }),
      { id: answer, from: 'bob', to: 'ann', way: 'inbox' },
    ])
    expect(await listOutbox(root, 'operator')).toEqual([])
  })

  it('that answer each other without a person are stopped by the limit of hops, and continue when a person releases the message', async () => {
    const { root, ann, bob } = await pair()
    const turns = [1, 2, 3, 4, 5, 6, 7, 8]
    ann.script(
      ...turns.flatMap((nth) => {
        const input = { personality: 'bob', message: `ping ${nth}` }
        return [{ tools: [{ tool: 'mcp__iapeer__send_to_peer', input }] }, { text: 'Sent.' }]
      }),
    )
    bob.script(
      ...turns.flatMap((nth) => {
        const input = { personality: 'ann', message: `pong ${nth}` }
        return [{ tools: [{ tool: 'send_to_peer', namespace: 'mcp__iapeer', input }] }, { text: 'Sent.' }]
      }),
    )
    await sendMessage(root, { to: 'ann', text: 'Begin.', sender: OPERATOR, env: {} })
    const messages = async () =>
      [...(await listInbox(root, 'ann', { all: true })), ...(await listInbox(root, 'bob', { all: true }))]
        .filter(({ sender }) => sender !== 'operator')
        .toSorted((one, other) => one.hops - other.hops)
    const held = await until(
      'a message to be held',
      async () => (await messages()).find(({ why }) => why === 'held: hops'),
      90_000,
    )
    expect((await messages()).map(({ hops, text }) => [hops, text])).toEqual([
      [1, 'ping 1'],
      [2, 'pong 1'],
      [3, 'ping 2'],
      [4, 'pong 2'],
      [5, 'ping 3'],
      [6, 'pong 3'],
      [7, 'ping 4'],
    ])
    expect(bob.requests.some(({ added }) => added.includes('ping 4'))).toBe(false)
    await releaseMessage(root, held.id, OPERATOR)
    await until('bob to get it', () => bob.requests.some(({ added }) => added.includes('ping 4')), 30_000)
  })
})
