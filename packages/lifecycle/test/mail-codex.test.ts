import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { processesOf } from '@iapeer/dev/agents'
import { until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { connectAppServer } from '../src/conversations/codex/socket-client.ts'
import { personThreads } from '../src/conversations/codex/threads.ts'
import { finishSessions } from '../src/index.ts'
import { MailDelivery } from '../src/mail/index.ts'
import { codexMail } from '../src/mail/ways/codex/index.ts'
import { codexRuntime } from '../src/runtimes/codex.ts'
import { asked, codexes, found, IDENTITY, prepareOffer, tool, wayOf } from './codex-support.ts'
import { send, untilState } from './mail-support.ts'
import { roots } from './support.ts'

const own = roots()
const { track } = own
const startCodex = codexes(own)

const OPTIONS = { timeout: 60_000, tags: ['codex'] }

describe.skipIf(found.program === undefined)('a message to the real codex', OPTIONS, () => {
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

  it('is handled if its turn ended while no daemon ran, also when the session is over at the next start', async () => {
    const codex = await startCodex()
    const errors: unknown[] = []
    const deliver = async () => {
      const onError = (...error: readonly unknown[]) => errors.push(error)
      const delivery = new MailDelivery(codex.root, { env: codex.env, onError })
      track(() => delivery.stop())
      await delivery.start()
      return delivery
    }
    const first = await deliver()
    const release = codex.model.hold()
    const { id } = await send(codex.root, 'bob', 'Is it done?')
    await untilState(codex.root, id, 'taken')
    await first.stop()
    release()
    await until('the end of the turn', async () => /has read that/.test(await codex.screen()))
    await codex.stop()
    await deliver()
    const { history } = await untilState(codex.root, id, 'handled')
    expect(history.map(({ why }) => why)).not.toContain('the session has ended')
    expect(errors).toEqual([])
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
})
