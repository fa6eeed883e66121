import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { updatePeer } from '@iapeer/core/registry'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { codexMail } from '../src/mail/ways/codex/index.ts'
import { embeddedMark } from '../src/runtimes/index.ts'
import { asked, codexes, found, launch, prepareOffer, tool, wayOf } from './codex-support.ts'
import { roots } from './support.ts'

const own = roots()
const { track } = own
const startCodex = codexes(own)

describe.runIf(isFullCampaign() && found.program !== undefined)(
  'a message to the real codex without an app-server',
  { timeout: 60_000, tags: ['codex'] },
  () => {
    it('is not offered while an approval is open, which a resumed peer shows again once its permissions were changed', async () => {
      const first = await startCodex('skip')
      await first.say('first')
      await asked(first, 'first')
      await first.stop()
      await updatePeer(first.root, 'bob', { permissions: 'ask' })
      // An app-server would resume the conversation with its former permissions.
      for (const isConnected of [false, true]) {
        const codex = await launch(first, { resume: 'own' })
        expect(existsSync(embeddedMark(codex.target.session.mail?.directory ?? ''))).toBe(!isConnected)
        codex.model.script(
          tool('touch made', { sandbox_permissions: 'require_escalated', justification: 'needed' }),
          { text: 'after' },
        )
        await codex.say('do it')
        await until('the approval', async () => /Yes, proceed/.test(await codex.screen()), 15_000)
        if (isConnected) {
          await until('blocked', async () => (await codexMail.readiness(codex.target)) === 'blocked')
          expect(await wayOf(codex).prepare(codex.target, 'next')).toEqual({
            kind: 'not-now',
            why: 'blocked',
          })
          expect(await codex.screen()).toMatch(/Yes, proceed/)
        }
        await codex.keys('Escape')
        await until('interrupted', async () => (await codexMail.readiness(codex.target)) === 'interrupted')
        await codex.stop()
      }
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
      // Its conversation had no rollout when it was pasted.
      expect(pasted.attempt.conversation.path).toBeUndefined()
      await until('the end', async () => (await codexMail.turn(target, pasted.request)).kind === 'ended')
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
  },
)
