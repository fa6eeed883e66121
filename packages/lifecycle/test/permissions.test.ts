import { mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity, toPersonality, toRuntime } from '@iapeer/core/identity'
import { readProfile } from '@iapeer/core/profile'
import { createPeer, updatePeer } from '@iapeer/core/registry'
import { campaignCases, isFullCampaign, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { fleetView, launchPeer, renewNamed, startNamed, statusOf, stopPeer } from '../src/index.ts'
import { BYPASS, fakeAgent, pressKeys, READY, TRUST } from './fake-agent.ts'
import { roots } from './support.ts'

const { newRoot } = roots()
const BOB = toIdentity('claude-bob')

describe('the bypass warning', () => {
  it.each(campaignCases([undefined, 'ask', 'own'] as const))(
    'is left to the person with permissions %s; the launch says so, and is finished when a person answered',
    async (permissions) => {
      const root = newRoot()
      const { entry, given } = await fakeAgent(root, [BYPASS, READY])
      await updatePeer(root.root, 'bob', { permissions: permissions ?? null })
      const { state, session } = await launchPeer(root.root, entry)
      expect(state).toBe('blocked')
      expect(session.blocked).toMatchObject({
        dialog: 'bypass permissions',
        since: expect.stringMatching(/Z$/),
        hint: expect.stringContaining('iapeer set bob permissions=skip'),
      })
      expect((await statusOf(root.root, BOB)).state).toBe('blocked')
      expect(given()).toEqual([])
      await pressKeys(session, 'Down')
      await until('the cursor to move', () => given().includes('Down'))
      await pressKeys(session, 'Enter')
      await until('the answer', () => given().includes('Enter on Yes, I accept'))
      expect(await startNamed(root.root, 'bob', {})).toMatchObject({ state: 'launched' })
      await stopPeer(root.root, BOB, { by: 'a test' })
      expect(root.deaths()).toEqual([])
    },
  )

  it('is answered with permissions skip', async () => {
    const root = newRoot()
    const { entry, given } = await fakeAgent(root, [BYPASS, READY])
    await updatePeer(root.root, 'bob', { permissions: 'skip' })
    expect((await launchPeer(root.root, entry)).state).toBe('launched')
    expect(given()).toEqual(['Down', 'Enter on Yes, I accept'])
  })
})

describe('the folder trust dialog', () => {
  it.runIf(isFullCampaign())(
    'is left to the person for a directory that iapeer did not create, until that directory is trusted',
    async () => {
      const root = newRoot()
      const { given } = await fakeAgent(root, [TRUST, READY])
      const [work, other] = ['work', 'other'].map((name) => join(root.path, name))
      for (const directory of [work, other]) mkdirSync(directory ?? '')
      await updatePeer(root.root, 'bob', { cwd: work ?? null, trustedCwd: other ?? null })
      const blocked = await startNamed(root.root, 'bob', {})
      expect(blocked).toMatchObject({ state: 'blocked', dialog: 'folder trust' })
      expect(blocked.hint).toContain(`whether to trust ${work}`)
      expect(blocked.hint).toContain('--trust')
      expect(given()).toEqual([])
      await stopPeer(root.root, BOB, { by: 'a test' })
      await updatePeer(root.root, 'bob', { trustedCwd: work ?? null })
      expect(await startNamed(root.root, 'bob', {})).toMatchObject({ state: 'launched' })
      expect(given()).toEqual(['Down', 'Enter on Yes, I trust this folder'])
    },
  )

  it('is answered for a home that this call created, and not for one that existed', async () => {
    const root = newRoot()
    const existing = join(realpathSync(root.path), 'existing')
    mkdirSync(existing)
    const created = join(realpathSync(root.path), 'created')
    const peer = (name: string, home: string) =>
      createPeer(root.root, { personality: toPersonality(name), defaultRuntime: toRuntime('claude'), home })
    await peer('ann', existing)
    await peer('ben', created)
    expect((await readProfile(existing))?.trustedCwd).toBeUndefined()
    expect((await readProfile(created))?.trustedCwd).toBe(created)
  })
})

describe('a profile without permissions', () => {
  it.runIf(isFullCampaign())(
    'leads to a warning at the first start, which names the command for skip',
    async () => {
      const root = newRoot()
      const { entry } = await fakeAgent(root, [READY])
      expect((await readProfile(entry.home))?.permissions).toBeUndefined()
      expect((await fleetView(root.root))[0]?.permissions).toBe('ask')
      const { warnings } = await startNamed(root.root, 'bob', {})
      expect(warnings).toEqual([expect.stringContaining('iapeer set bob permissions=skip')])
      expect((await readProfile(entry.home))?.permissions).toBeUndefined()
      expect((await startNamed(root.root, 'bob', {})).warnings).toEqual([])
      expect((await renewNamed(root.root, 'bob', { by: 'a test' })).warnings).toEqual([])
      await stopPeer(root.root, BOB, { by: 'a test' })
    },
  )

  it.runIf(isFullCampaign())(
    'leads to no warning for a runtime without permissions, or if the command states them',
    async () => {
      const root = newRoot()
      await root.peer(['sleep', '1000'], 'ann')
      expect((await startNamed(root.root, 'ann', {})).warnings).toEqual([])
      const { entry } = await fakeAgent(root, [READY])
      const { command = [] } = (await readProfile(entry.home)) ?? {}
      await updatePeer(root.root, 'bob', { command: [...command, '--dangerously-skip-permissions'] })
      expect((await startNamed(root.root, 'bob', {})).warnings).toEqual([])
      const views = await fleetView(root.root)
      expect(views.map(({ permissions }) => permissions)).toEqual([undefined, 'skip'])
    },
  )
})
