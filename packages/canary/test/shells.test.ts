import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { run, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { presentShells, type Shell, watchedBy } from './by-shell.ts'
import { claimOf, deathOf, lifecycle, recordOf, roots } from './support.ts'

const newRoot = roots()

describe.each(presentShells.map((shell): [string, Shell] => [shell.join(' '), shell]))(
  'under %s',
  (_name, shell) => {
    it('a killed server is recorded, after its client was killed and replaced', async () => {
      const bob = await watchedBy({ root: newRoot(), shell })
      const before = recordOf(bob)?.client?.pid ?? 0
      process.kill(before, 'SIGKILL')
      await until('a new client', () => recordOf(bob)?.client?.pid !== before)
      await until('the log', () => lifecycle(bob.recordDir).some((line) => line['state'] === 'rearmed'))
      bob.server.kill('SIGKILL')
      expect(await deathOf(bob)).toMatchObject({ cause: 'server-vanished', wait_rc: '1' })
    })

    it('kill-server is recorded', async () => {
      const bob = await watchedBy({ root: newRoot(), shell })
      await bob.server.tmux('kill-server')
      expect(await deathOf(bob)).toMatchObject({ cause: 'signaled-server-gone', wait_rc: '0' })
    })
  },
)

describe.skipIf(!existsSync('/bin/busybox'))('with no tools but those of busybox', () => {
  it('a killed server is recorded; without milliseconds in `date`, its time has none', async () => {
    const root = newRoot()
    const bin = join(root.path, 'bin')
    mkdirSync(bin)
    await run('/bin/busybox', ['--install', '-s', bin])
    const bob = await watchedBy({ root, shell: ['/bin/busybox', 'ash'], path: bin })
    bob.server.kill('SIGKILL')
    const line = await deathOf(bob)
    expect(line['ts']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/)
    expect(Math.abs(Date.parse(line['ts'] ?? '') - Date.now())).toBeLessThan(5_000)
    expect(claimOf(bob)).toMatch(/^rc=1,/)
  })
})
