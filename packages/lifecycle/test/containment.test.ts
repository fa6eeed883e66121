import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { identifyProcess } from '@iapeer/core/process'
import { privateDirectory } from '@iapeer/dev/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { containmentOf, type PeerSession, readSession, writeSession } from '../src/sessions/index.ts'

const directory = privateDirectory()
afterAll(directory.remove)

/** Returns a session whose leader is this process, which has no cgroup of its own. */
async function sessionWith(more: Partial<PeerSession>): Promise<PeerSession> {
  const self = await identifyProcess(process.pid)
  if (self === undefined) throw new Error('this process has no start token')
  return {
    ...{
      identity: toIdentity('command-bob'),
      gen: 'f'.repeat(16),
      socketPath: '/s',
      sessionId: '$0',
      paneId: '%0',
    },
    ...{ server: self, leader: self, startedAt: '2027-01-15T09:30:00.000Z', readyAt: undefined },
    ...more,
  }
}

describe('the containment of a peer', () => {
  it('without a session has the limits that its next start sets', async () => {
    expect(await containmentOf(undefined, { memory: '4G', tasks: 512 })).toEqual({
      wanted: { memory: 4 * 2 ** 30, tasks: 512 },
      state: 'not-running',
    })
  })

  it.each([
    [{ limits: {}, uncontained: 'systemd-run is not installed' }, 'systemd-run is not installed'],
    [{}, 'it was started without one, as by an earlier version; its next start gives it one'],
    [{ limits: {} }, 'its program has left it'],
  ])('of a session with %j is plain, with the reason', async (more, why) => {
    const found = await containmentOf(await sessionWith(more), undefined)
    expect(found).toMatchObject({ state: 'plain', why })
    expect(found).not.toHaveProperty('enforced')
  })

  it('is kept in the session file, and the file of an earlier version is read', async () => {
    const root = directory.path
    mkdirSync(join(root, 'state', 'lifecycle'), { recursive: true })
    const session = await sessionWith({ limits: { memory: 2 ** 30, cpu_weight: 50 }, uncontained: 'why' })
    await writeSession(root, session)
    expect(await readSession(root, session.identity)).toMatchObject({
      limits: { memory: 2 ** 30, cpu_weight: 50 },
      uncontained: 'why',
    })
    const path = join(root, 'state', 'lifecycle', 'command-bob.session')
    const { limits: _limits, uncontained: _why, ...earlier } = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify(earlier))
    const read = await readSession(root, session.identity)
    expect(read).toMatchObject({ gen: session.gen, leader: session.leader })
    expect(read).not.toHaveProperty('limits')
  })
})
