import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isFullCampaign } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { type Home, homes } from './support.ts'

const newHome = homes()

/** Writes a death of `claude-<peer>`; the generation has 16 hexadecimal digits. */
function addDeath(home: Home, { peer, gen, ts }: { peer: string; gen: string; ts: string }): void {
  const log = join(home.root, 'logs', 'iapeer', 'exits.log')
  mkdirSync(dirname(log), { recursive: true })
  appendFileSync(
    log,
    `ts=${ts} ev=session-exit identity=claude-${peer} gen=${gen} dead_status=1 dead_signal= leader_pid=8 forensics=\n`,
  )
}

it.runIf(isFullCampaign())(
  'autopsy takes any unambiguous prefix of an id, and without a name explains the last death',
  async () => {
    const home = newHome()
    const idOf = async (...args: string[]) =>
      JSON.parse((await home.iapeer('autopsy', '--json', ...args)).stdout).id
    expect(await home.iapeer('autopsy')).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('no deaths'),
    })
    addDeath(home, { peer: 'bob', gen: 'c26d0fffffffffff', ts: '2026-01-02T00:00:00.000Z' })
    addDeath(home, { peer: 'ann', gen: 'c26d1eeeeeeeeeee', ts: '2026-01-03T00:00:00.000Z' })
    // Recorded afterwards, but died before.
    addDeath(home, { peer: 'eve', gen: 'beef000000000000', ts: '2026-01-01T00:00:00.000Z' })
    expect(await idOf()).toBe('claude-ann-c26d1eeeeeeeeeee')
    expect(await idOf('c26d0')).toBe('claude-bob-c26d0fffffffffff')
    expect(await idOf('c26d1eeeeeeeeeee')).toBe('claude-ann-c26d1eeeeeeeeeee')
    expect(await idOf('claude-eve-be')).toBe('claude-eve-beef000000000000')
    expect(await idOf('bob')).toBe('claude-bob-c26d0fffffffffff')
    const two = await home.iapeer('autopsy', 'c26d')
    expect(two).toMatchObject({ exitCode: 2, stdout: '' })
    expect(two.stderr).toMatch(
      /ambiguous: 2 deaths.*\n {2}Use more characters: claude-bob-c26d0.*claude-ann-c26d1/,
    )
    for (const near of ['c26', 'c26d2', 'beeg'])
      expect(await home.iapeer('autopsy', near)).toMatchObject({ exitCode: 4 })
  },
)

it.runIf(isFullCampaign())('watch and unwatch take the name of a socket as tmux -L does', async () => {
  const home = newHome()
  const directory = join(home.path, `tmux-${process.getuid?.()}`)
  mkdirSync(directory, { mode: 0o700 })
  const server = await home.server(join(`tmux-${process.getuid?.()}`, 'mine'))
  const env = { TMUX_TMPDIR: home.path }
  const watched = await home.iapeerWith(env, 'watch', 'mine', '--keep')
  expect(watched).toMatchObject({ exitCode: 0, stderr: '' })
  expect(watched.stdout).toContain(
    `tmux-mine is now watched: tmux server ${server.pid} at ${server.socketPath}`,
  )
  expect(watched.stdout).toMatch(/Kept: it is watched again[\s\S]*who ran kill-server +no +yes/)
  expect((await home.iapeerWith(env, 'watch', 'mine', '--keep')).stdout).toMatch(
    /already watched.*\n {2}Kept/,
  )
  expect((await home.iapeerWith(env, 'unwatch', 'mine')).stdout).toBe('stopped watching tmux-mine\n')
  expect(await home.iapeerWith(env, 'unwatch', 'yours')).toMatchObject({ exitCode: 4, stdout: '' })
})

it('create --from-pane takes a pane of the tmux that the user is in', async () => {
  const home = newHome()
  const server = await home.server('mine')
  const inside = { TMUX: `${server.socketPath},${server.pid},0` }
  const made = await home.iapeerWith(inside, 'create', 'bob', '--from-pane', '%0', '--json')
  expect(JSON.parse(made.stdout)).toMatchObject({ fromPane: { socketPath: server.socketPath, paneId: '%0' } })
  expect(await home.iapeer('create', 'ann', '--from-pane', '%0')).toMatchObject({ exitCode: 2 })
})
