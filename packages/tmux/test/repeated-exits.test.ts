import { join } from 'node:path'
import { isFullCampaign } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { exitLines, launches, recorded, reportedSignal } from './support.ts'

const { launch, newDirectory } = launches()
const LANES = ['a', 'b', 'c', 'd'] as const

const [exits, kills] = isFullCampaign() ? [15, 30] : [1, 2]

describe('the exit of a leader is recorded', () => {
  it(`each time that \`true\` is run, ${LANES.length * exits} times`, async () => {
    const directory = newDirectory()
    const lane = async (name: string): Promise<void> => {
      for (let round = 0; round < exits; round++) {
        const peer = await launch(['true'], { directory, identity: `command-${name}` })
        expect(await recorded(peer)).toMatchObject([{ ev: 'session-exit', dead_status: '0' }])
      }
    }
    await Promise.all(LANES.map(lane))
    expect(exitLines(join(directory, 'rec'))).toHaveLength(LANES.length * exits)
  }, 120_000)

  it(`for each of ${LANES.length * kills} leaders that are killed, even if tmux misses a SIGCHLD`, async () => {
    const directory = newDirectory()
    const lane = async (name: string): Promise<void> => {
      for (let round = 0; round < kills; round++) {
        const peer = await launch(['sleep', '1000'], { directory, identity: `command-${name}` })
        process.kill(peer.leader.pid, 'SIGKILL')
        expect(await recorded(peer)).toMatchObject([
          { ev: 'session-exit', dead_signal: reportedSignal('SIGKILL') },
        ])
      }
    }
    await Promise.all(LANES.map(lane))
    expect(exitLines(join(directory, 'rec'))).toHaveLength(LANES.length * kills)
  }, 180_000)
})
