import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { denyProcesses, freeProcesses, lonelyUser, noProcessLimit, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { declareIntent, reconcile, withdrawIntent } from '../src/index.ts'
import { guardedBy, own, presentShells, type Shell, type ShellRecorder, watchedBy } from './by-shell.ts'
import { claimOf, deathOf, exits, roots, settled } from './support.ts'

const newRoot = roots()
const missing = await noProcessLimit()
if (missing !== undefined) process.stderr.write(`skipped: ${missing}\n`)

/** The line, before anything else of the record. */
const lineOf = (of: ShellRecorder) =>
  until('the line', () => exits(of.recordDir).find((line) => line['gen'] === of.gen), 3_000)

const snapshotOf = (of: ShellRecorder): string =>
  readFileSync(join(of.recordDir, 'server-deaths', `${of.identity}-${of.gen}.txt`), 'utf8')

const gone = (pid: number): boolean =>
  !existsSync(`/proc/${pid}`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))

describe
  .skipIf(missing !== undefined)
  .each(presentShells.map((shell): [string, Shell] => [shell.join(' '), shell]))(
  'where no process can be started, under %s',
  (_name, shell) => {
    it('a guard records the wait status, and the snapshot follows', { timeout: 60_000 }, async () => {
      const bob = await guardedBy({ root: newRoot(), shell, uid: lonelyUser() })
      await denyProcesses(bob.recorderPid, bob.uid)
      const killedAt = Date.now()
      bob.server.kill('SIGKILL')
      const line = await lineOf(bob)
      expect(line).toMatchObject({ cause: 'killed', signal: 'SIGKILL', wait_rc: '137', mode: 'guard' })
      expect(claimOf(bob)).toMatch(/^rc=137,ev=server,rec=\d+:\d+,ts=\d{13},m=g\n/)
      expect(Math.abs(Date.parse(line['ts'] ?? '') - killedAt)).toBeLessThan(2_000)
      // dash and ash leave the rest to the next command, the others wait in their own retries.
      await until(
        'the recorder to leave, or to wait',
        () => gone(bob.recorderPid) || Date.now() - killedAt > 1_500,
      )
      await freeProcesses(bob.recorderPid, bob.uid)
      if (gone(bob.recorderPid)) await reconcile(bob)
      await until(
        'the snapshot',
        () => existsSync(join(bob.recordDir, 'server-deaths', `${bob.identity}-${bob.gen}.txt`)),
        30_000,
      )
      await settled(bob, 30_000)
      expect(await deathOf(bob)).toMatchObject({ cause: 'killed' })
      expect(snapshotOf(bob)).toMatch(/\n--- meminfo\nMemTotal:/)
    })

    it('a watch records that its server is gone', { timeout: 60_000 }, async () => {
      const bob = await watchedBy({ root: newRoot(), shell, uid: lonelyUser() })
      await denyProcesses(bob.recorderPid, bob.uid)
      bob.server.kill('SIGKILL')
      expect(await lineOf(bob)).toMatchObject({ cause: 'server-vanished', wait_rc: '1', mode: 'watch' })
      await freeProcesses(bob.recorderPid, bob.uid)
      await until('the recorder to leave', () => gone(bob.recorderPid), 30_000)
      await reconcile(bob)
      await deathOf(bob, 30_000)
    })

    it('an intent is honoured: a stop stays silent, a withdrawn one does not', {
      timeout: 60_000,
    }, async () => {
      const silent = await guardedBy({ root: newRoot(), shell, uid: lonelyUser() })
      await declareIntent({ ...silent, by: 'test', why: 'stop' })
      own(silent.root.path, silent.uid)
      await denyProcesses(silent.recorderPid, silent.uid)
      silent.server.kill('SIGKILL')
      await silent.server.gone()
      await new Promise((resolve) => setTimeout(resolve, 300))
      expect(claimOf(silent)).toBeUndefined()
      await withdrawIntent(silent)
      own(silent.root.path, silent.uid)
      expect(await lineOf(silent)).toMatchObject({ cause: 'killed', signal: 'SIGKILL' })
      await freeProcesses(silent.recorderPid, silent.uid)
      await until('the recorder to leave', () => gone(silent.recorderPid), 30_000)
      await reconcile(silent)
      await settled(silent)
    })
  },
)
