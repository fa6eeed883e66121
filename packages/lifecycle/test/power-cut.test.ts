import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { settleFleet } from '../src/fleet/index.ts'
import { launchPeer, listSessions, type PeerSession, readDeathRecords } from '../src/index.ts'
import { readTally } from '../src/sessions/index.ts'
import { roots, type TestRoot } from './support.ts'

const { newRoot } = roots()

async function started(made: TestRoot): Promise<PeerSession> {
  await launchPeer(made.root, await made.peer(['sleep', '1000']))
  const [session] = await listSessions(made.root)
  if (session === undefined) throw new Error('no session runs')
  return session
}

const stateOf = ({ root }: TestRoot, { identity, gen }: PeerSession): string =>
  join(root, 'state/canary', `${identity}-${gen}`)

/** Kills guard, server and program at once, as a power cut does. */
async function cutPower(made: TestRoot, session: PeerSession): Promise<void> {
  const [, guard = ''] = /^recorder=(\d+):/m.exec(readFileSync(stateOf(made, session), 'utf8')) ?? []
  process.kill(Number(guard), 'SIGSTOP')
  for (const pid of [session.server.pid, session.leader.pid]) process.kill(pid, 'SIGKILL')
  process.kill(Number(guard), 'SIGKILL')
  await until('the guard to be gone', () => {
    try {
      process.kill(Number(guard), 0)
      return false
    } catch {
      return true
    }
  })
}

/** Empties what was not synced when the power was cut. */
function emptyState(made: TestRoot, session: PeerSession): void {
  for (const suffix of ['', '.baseline', '.leader', '.socket']) {
    const path = `${stateOf(made, session)}${suffix}`
    if (existsSync(path)) truncateSync(path)
  }
}

/** Removes the empty state file, which is kept; the clean-up waits until no file of a run is left. */
const removeKept = (made: TestRoot, session: PeerSession): void => rmSync(`${stateOf(made, session)}-corrupt`)

describe('a power cut just after a start, which empties the files of the recorder', () => {
  it('is a recorded death', async () => {
    const made = newRoot()
    const session = await started(made)
    await cutPower(made, session)
    emptyState(made, session)
    await settleFleet(made.root)
    expect(await readDeathRecords(made.root)).toMatchObject([{ gen: session.gen, cause: 'recorder-lost' }])
    expect((await readTally(made.root, session.identity)).lastEnd).toBe('crash')
    await settleFleet(made.root)
    expect(await readDeathRecords(made.root)).toHaveLength(1)
    expect(
      readdirSync(join(made.root, 'state/canary')).filter((name) => !/-corrupt$|^seen$/.test(name)),
    ).toEqual([])
    removeKept(made, session)
  })

  it('is a reboot if the session is of an earlier boot', async () => {
    const made = newRoot()
    const session = await started(made)
    await cutPower(made, session)
    emptyState(made, session)
    const file = join(made.root, 'state/lifecycle', `${session.identity}.session`)
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace(session.startedAt, '2001-01-01T00:00:00.000Z'))
    await settleFleet(made.root)
    expect(await readDeathRecords(made.root)).toMatchObject([{ gen: session.gen, cause: 'host-reboot' }])
    expect((await readTally(made.root, session.identity)).lastEnd).toBe('reboot')
    removeKept(made, session)
  })

  it('is recorded from the state itself if that was synced', async () => {
    const made = newRoot()
    const session = await started(made)
    await cutPower(made, session)
    await settleFleet(made.root)
    expect(await readDeathRecords(made.root)).toMatchObject([{ gen: session.gen, cause: 'recorder-lost' }])
  })
})
