import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatCompactEnvelope, localIsoTime } from '@iapeer/core/envelope'
import { toIdentity, toPersonality, toRuntime } from '@iapeer/core/identity'
import { type Attempt, newMessageId } from '@iapeer/core/mailbox'
import { formatProcessId } from '@iapeer/core/process'
import { type Permissions, readProfile } from '@iapeer/core/profile'
import { getPeer, listPeers, type PeerEntry, updatePeer } from '@iapeer/core/registry'
import { findAgent, type ModelServer, prepareHome, processesOf, startModelServer } from '@iapeer/dev/agents'
import { run, until } from '@iapeer/dev/testing'
import { TmuxServer } from '@iapeer/tmux'
import { describe, expect, it } from 'vitest'
import { finishSessions, launchPeer, stopPeer } from '../src/index.ts'
import { MailDelivery } from '../src/mail/index.ts'
import type { MailTarget, Offer, ProofRequest, Way } from '../src/mail/way.ts'
import { codexMail } from '../src/mail/ways/codex/index.ts'
import { connectAppServer } from '../src/mail/ways/codex/socket-client.ts'
import { personThreads } from '../src/mail/ways/codex/threads.ts'
import { codexRuntime } from '../src/runtimes/codex.ts'
import { embeddedMark } from '../src/runtimes/index.ts'
import { send, untilState } from './mail-support.ts'
import { roots } from './support.ts'

const { track, newRoot } = roots()
const IDENTITY = toIdentity('codex-bob')
const found = await findAgent('codex')
if (found.skipped !== undefined)
  console.warn(`tests of messages to the real codex are skipped: ${found.skipped}`)

/** A running Codex, its model and its screen. */
interface Codex {
  readonly root: string
  readonly home: string
  readonly entry: PeerEntry
  readonly env: NodeJS.ProcessEnv
  readonly target: MailTarget
  readonly model: ModelServer
  readonly deaths: () => readonly Readonly<Record<string, string>>[]
  readonly screen: () => Promise<string>
  readonly keys: (...keys: readonly string[]) => Promise<void>
  /** Types text, waits until the input row holds it, and presses Enter. */
  readonly say: (text: string) => Promise<void>
  readonly type: (text: string) => Promise<void>
  readonly stop: () => Promise<void>
}

type Place = Pick<Codex, 'root' | 'home' | 'env' | 'model' | 'deaths'>

async function startCodex(
  permissions: Permissions = 'skip',
  command = [found.program ?? ''],
): Promise<Codex> {
  const { path, root, peer, deaths } = newRoot()
  const [home, cwd] = [join(path, 'home'), join(path, 'work')]
  const model = await startModelServer()
  track(model.close)
  for (const directory of [home, cwd]) mkdirSync(directory)
  await run('git', ['init', '-q', cwd])
  const env = prepareHome('codex', { home, modelUrl: model.url, trusted: cwd })
  await peer(command, 'bob', 'codex')
  await updatePeer(root, 'bob', { cwd, permissions })
  return launch({ root, home, env, model, deaths })
}

async function launch(place: Place, options: { readonly resume?: boolean } = {}): Promise<Codex> {
  const { root, home, env, model, deaths } = place
  const entry = getPeer(await listPeers(root), toPersonality('bob'))
  const { session } = await launchPeer(root, entry, { env, ...options })
  const profile = await readProfile(entry.home)
  if (profile === undefined) throw new Error('no profile')
  const handle = new TmuxServer({ socketPath: session.socketPath, process: session.server })
  const screen = () => handle.capturePane(session.paneId)
  const keys = (...names: readonly string[]) =>
    handle.sendKeys(
      session.paneId,
      names.map((key) => ({ key })),
    )
  const type = async (text: string) => {
    await handle.sendKeys(session.paneId, [{ text }])
    await until(`${text} in the input row`, async () =>
      codexRuntime.screen?.read(await screen()).input?.includes(text),
    )
  }
  return {
    ...{ root, home, entry, env, model, deaths, screen, keys, type },
    target: { root, session, profile },
    say: async (text) => {
      await type(text)
      // Codex takes an Enter that follows at once for a part of a paste.
      await new Promise((resolve) => setTimeout(resolve, 100))
      await keys('Enter')
    },
    stop: async () => {
      await stopPeer(root, IDENTITY, { by: 'a test' })
      await until('its processes to exit', () => processesOf(home).length === 0, 20_000)
    },
  }
}

const asked = ({ model }: Codex, text: string) =>
  until(`the model to be asked ${text}`, () =>
    model.requests.find(({ isTurn, added }) => isTurn && added.includes(text)),
  )

/** An offer with its attempt to the conversation on the screen. */
async function prepareOffer(
  { target }: Codex,
  text: string,
  way: Way | undefined = codexMail.ways(target)[0],
): Promise<{ offer: Offer; attempt: Attempt; request: ProofRequest }> {
  const prepared = await way?.prepare(target, 'next')
  if (way === undefined || prepared?.kind !== 'usable')
    throw new Error(`not usable: ${JSON.stringify(prepared)}`)
  const [id, mark] = [newMessageId(), randomUUID()]
  const sender = { fromPersonality: toPersonality('ann'), fromRuntime: toRuntime('claude') }
  const envelope = formatCompactEnvelope(
    { id, ...sender, attachments: [], message: text },
    localIsoTime(new Date()),
  )
  const offer: Offer = { text: envelope, messages: [], mark, sender: 'ann', priority: 'next' }
  const { session } = target
  const attempt: Attempt = {
    ...{ n: 1, way: way.name, identity: IDENTITY, gen: session.gen ?? '', mark },
    ...{ leader: formatProcessId(session.leader), conversation: prepared.conversation },
    ...{ at: new Date().toISOString(), uptimeMs: 0 },
  }
  return { offer, attempt, request: { id, attempt, offer } }
}
const wayOf = ({ target }: Codex) => {
  const [way] = codexMail.ways(target)
  if (way === undefined) throw new Error('no way')
  return way
}
const tool = (cmd: string, more: object = {}) => ({
  tools: [{ tool: 'exec_command', input: { cmd, yield_time_ms: 20_000, ...more } }],
})

describe.skipIf(found.program === undefined)('a message to the real codex', { timeout: 60_000 }, () => {
  it('opens a turn when it is idle, joins a running turn with the result of its tool, and leaves a draft alone', async () => {
    const codex = await startCodex()
    const errors: unknown[] = []
    const delivery = new MailDelivery(codex.root, {
      env: codex.env,
      onError: (...error) => errors.push(error),
    })
    track(() => delivery.stop())
    await delivery.start()
    await codex.type('a draft')
    const first = await send(codex.root, 'bob', 'Are you there?')
    const handled = await untilState(codex.root, first.id, 'handled')
    expect(handled.taken).toMatchObject({ way: 'app-server', proof: 'item', n: 1, identity: IDENTITY })
    await asked(codex, 'Are you there?')
    expect(codexRuntime.screen?.read(await codex.screen()).input).toBe('a draft')
    await codex.keys('C-u')
    codex.model.script(tool('sleep 2; echo slept'), { text: 'after' })
    await codex.say('work')
    await asked(codex, 'work')
    const second = await send(codex.root, 'bob', 'And now?')
    await untilState(codex.root, second.id, 'handled')
    expect((await asked(codex, 'And now?')).added).toContain('slept')
    expect(errors).toEqual([])
    await codex.stop()
    expect(codex.deaths()).toEqual([])
  })

  it('is not offered while an approval is open, which a resumed peer shows again once its permissions were changed', async () => {
    const first = await startCodex('skip')
    await first.say('first')
    await asked(first, 'first')
    await first.stop()
    await updatePeer(first.root, 'bob', { permissions: 'ask' })
    // An app-server would resume the conversation with its former permissions.
    for (const isConnected of [false, true]) {
      const codex = await launch(first, { resume: true })
      expect(existsSync(embeddedMark(codex.target.session.mail?.directory ?? ''))).toBe(!isConnected)
      codex.model.script(
        tool('touch made', { sandbox_permissions: 'require_escalated', justification: 'needed' }),
        { text: 'after' },
      )
      await codex.say('do it')
      await until('the approval', async () => /Yes, proceed/.test(await codex.screen()), 15_000)
      if (isConnected) {
        await until('blocked', async () => (await codexMail.readiness(codex.target)) === 'blocked')
        expect(await wayOf(codex).prepare(codex.target, 'next')).toEqual({ kind: 'not-now', why: 'blocked' })
        expect(await codex.screen()).toMatch(/Yes, proceed/)
      }
      await codex.keys('Escape')
      await until('interrupted', async () => (await codexMail.readiness(codex.target)) === 'interrupted')
      await codex.stop()
    }
  })

  it('that is steered into a turn is absent when the person interrupts it', async () => {
    const codex = await startCodex()
    codex.model.script(tool('sleep 20'), { text: 'after' })
    await codex.say('work')
    await asked(codex, 'work')
    await until('the tool', () => processesOf(codex.home).some((row) => row.endsWith('sleep 20')))
    const { offer, attempt, request } = await prepareOffer(codex, 'Lost?')
    const way = wayOf(codex)
    expect(await way.offer(codex.target, offer, attempt)).toEqual({ kind: 'made' })
    expect(await way.prove(codex.target, request)).toEqual({ kind: 'accepted' })
    await codex.keys('Escape')
    await until('absence', async () => (await way.prove(codex.target, request)).kind === 'absent')
    expect(await codexMail.readiness(codex.target)).toBe('interrupted')
    expect(await codexMail.lastLook(codex.target, request)).toEqual({ kind: 'none' })
    await codex.stop()
  })

  it('is not sent to a conversation that the person has left, and a turn that runs there is interrupted', async () => {
    const codex = await startCodex()
    const way = wayOf(codex)
    await codex.say('first')
    await asked(codex, 'first')
    const { offer, attempt, request } = await prepareOffer(codex, 'Seen?')
    await codex.say('/new')
    const path = join(codex.target.session.mail?.directory ?? '', 'app.sock')
    const client = await connectAppServer(path, () => undefined)
    await until('the new thread', async () => (await personThreads(client)).length === 2)
    expect(await way.offer(codex.target, offer, attempt)).toMatchObject({ kind: 'not-made' })
    // The person types /new between the last look and the act.
    codex.model.script(tool('sleep 20'), { text: 'after' })
    const input = [{ type: 'text', text: offer.text, text_elements: [] }]
    await client.request('turn/start', {
      ...{ threadId: attempt.conversation.id, clientUserMessageId: offer.mark, input },
    })
    await asked(codex, 'Seen?')
    const proof = await until('proof', async () => {
      const one = await way.prove(codex.target, request)
      return one.kind === 'taken' ? one : undefined
    })
    expect(proof).toMatchObject({ by: 'item', where: 'left-thread' })
    await until(
      'the turn to end',
      async () => (await codexMail.turn(codex.target, request)).kind === 'interrupted',
    )
    client.close()
    await codex.stop()
  })

  it('that its app-server died with is settled by its rollout, and the death names the app-server', async () => {
    const codex = await startCodex()
    const { session } = codex.target
    const way = wayOf(codex)
    const { offer, attempt, request } = await prepareOffer(codex, 'Taken before the death.')
    await way.offer(codex.target, offer, attempt)
    await until('proof', async () => (await way.prove(codex.target, request)).kind === 'taken')
    const { request: lost } = await prepareOffer(codex, 'Never given.')
    const [server] = processesOf(session.mail?.directory ?? '').filter(
      (row) => / app-server --listen/.test(row) && !/codex-pane/.test(row),
    )
    process.kill(Number(server?.split(' ')[0]), 'SIGKILL')
    const [death] = await until('the record', async () => {
      await finishSessions(codex.root)
      return codex.deaths().length > 0 ? codex.deaths() : undefined
    })
    expect(death).toMatchObject({ ev: 'session-exit', dead_signal: 'SIGTERM' })
    const snapshot = readFileSync(String(death?.['forensics']), 'utf8')
    expect(snapshot).toContain('the app-server of this session was killed by signal 9')
    expect(await codexMail.lastLook(codex.target, request)).toMatchObject({ kind: 'taken', by: 'transcript' })
    expect(await codexMail.lastLook(codex.target, lost)).toEqual({ kind: 'none' })
  })

  it('reaches a Codex whose app-server does not come up by a paste and by its queue, and is called back from there', async () => {
    const wrapper = join(process.env['IAPEER_TEST_DIR'] ?? '', 'codex')
    track(async () => rmSync(wrapper))
    const script = `#!/bin/sh\ncase " $* " in *' --listen '*) exit 3 ;; esac\nexec '${found.program}' "$@"\n`
    writeFileSync(wrapper, script, { mode: 0o755 })
    const codex = await startCodex('skip', [wrapper])
    const { target } = codex
    const [appServer, queue, paste] = codexMail.ways(target)
    if (appServer === undefined || queue === undefined || paste === undefined) throw new Error('no way')
    expect(await appServer.prepare(target, 'next')).toMatchObject({ kind: 'off' })
    expect(await queue.prepare(target, 'next')).toMatchObject({
      kind: 'off',
      why: expect.stringContaining('no turn'),
    })
    const pasted = await prepareOffer(codex, 'By paste.', paste)
    expect(await paste.offer(target, pasted.offer, pasted.attempt)).toEqual({ kind: 'made' })
    await asked(codex, 'By paste.')
    await until('proof', async () => (await paste.prove(target, pasted.request)).kind === 'taken')
    const queued = await prepareOffer(codex, 'By the queue.', queue)
    expect(await queue.offer(target, queued.offer, queued.attempt)).toEqual({ kind: 'made' })
    await until('proof', async () => (await queue.prove(target, queued.request)).kind === 'taken', 20_000)
    await until('the end', async () => (await codexMail.turn(target, queued.request)).kind === 'ended')
    const recalled = await prepareOffer(codex, 'Never mind.', queue)
    const waiting = await prepareOffer(codex, 'Still there?', queue)
    await queue.offer(target, recalled.offer, recalled.attempt)
    expect(await queue.withdraw?.(target, recalled.request)).toBe(true)
    await queue.offer(target, waiting.offer, waiting.attempt)
    await codex.stop()
    expect(await codexMail.lastLook(target, waiting.request)).toMatchObject({ kind: 'absent' })
    expect(codex.model.requests.some(({ added }) => /Never mind|Still there/.test(added))).toBe(false)
  })
})
