import { isFullCampaign } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { mailHomes } from './mail-support.ts'
import { MAIN } from './support.ts'

const newHome = mailHomes()

describe('a control', () => {
  it.runIf(isFullCampaign())(
    'that the program of a peer does not have is refused, and presses no key',
    async () => {
      const home = newHome()
      await home.peer('bob', 'cat')
      expect(await home.iapeer('interrupt', 'bob')).toMatchObject({ exitCode: 3 })
      expect((await home.iapeer('start', 'bob', '--no-daemon')).exitCode).toBe(0)
      for (const control of ['interrupt', 'compact']) {
        const refused = await home.iapeer(control, 'bob')
        expect(refused).toMatchObject({
          exitCode: 1,
          stderr: expect.stringContaining(`the runtime command has no ${control}`),
        })
        expect(refused.stderr).toContain('iapeer send-keys')
      }
    },
  )

  it.each(['self-done', 'self-fresh'])('%s works only inside the session of a peer', async (control) => {
    const home = newHome()
    await home.peer('bob', 'sleep 1000')
    expect(await home.iapeer(control)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('works only inside the session of a peer'),
    })
  })

  it('self-fresh replaces the session that calls it, without a death record', async () => {
    const home = newHome()
    const again = `"${process.execPath}" "${MAIN}" self-fresh`
    await home.peer(
      'bob',
      `[ -f "$PEER_HOME/once" ] || { : > "$PEER_HOME/once"; sleep 1; ${again}; }; sleep 1000`,
    )
    await home.startDaemon()
    expect((await home.iapeer('start', 'bob')).exitCode).toBe(0)
    const first = JSON.parse((await home.iapeer('show', 'bob', '--json')).stdout)
    let second = first
    for (let tries = 0; tries < 100 && (second.state !== 'running' || second.gen === first.gen); tries++)
      second = JSON.parse((await home.iapeer('show', 'bob', '--json')).stdout)
    expect(second).toMatchObject({ state: 'running' })
    expect(second.gen).not.toBe(first.gen)
    expect((await home.iapeer('deaths')).stdout).toContain('no deaths')
  })
})
