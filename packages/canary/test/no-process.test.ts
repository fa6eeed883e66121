import { spawn } from 'node:child_process'
import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { recordLayout } from '@iapeer/core/paths'
import { readBoot } from '@iapeer/core/process'
import { denyProcesses, freeProcesses, lonelyUser, noProcessLimit, run, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { declareIntent, reconcile, withdrawIntent } from '../src/index.ts'
import { findTool, scriptEnv } from '../src/process/spawn.ts'
import { generationInputs } from '../src/records/settle.ts'
import {
  asUser,
  guardedBy,
  own,
  presentShells,
  type Shell,
  type ShellRecorder,
  watchedBy,
} from './by-shell.ts'
import { claimOf, deathOf, exits, killRecorder, recordOf, roots, settled } from './support.ts'

const newRoot = roots()
const missing = await noProcessLimit()
if (missing !== undefined) process.stderr.write(`skipped: ${missing}\n`)

/** Waits for the line, which comes before the rest of the record. */
const lineOf = (of: ShellRecorder) =>
  until('the line', () => exits(of.recordDir).find((line) => line['gen'] === of.gen), 3_000)

const free = (of: ShellRecorder): Promise<void> => freeProcesses(of.recorderPid, of.uid)

/** Keeps a recorder from starting processes. If the test fails, the recorder must be free to finish: the shell may retry forever. */
const deny = (of: ShellRecorder): Promise<void> => {
  of.root.track(() => free(of))
  return denyProcesses(of.recorderPid, of.uid)
}

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
      await deny(bob)
      const killedAt = Date.now()
      bob.server.kill('SIGKILL')
      const line = await lineOf(bob)
      expect(line).toMatchObject({ cause: 'killed', signal: 'SIGKILL', wait_rc: '137', mode: 'guard' })
      expect(claimOf(bob)).toMatch(/^rc=137,ev=server,rec=\d+:\d+,ts=\d{13},m=g\n/)
      expect(Math.abs(Date.parse(line['ts'] ?? '') - killedAt)).toBeLessThan(2_000)
      // dash and ash exit and leave the rest to the next command; the others retry.
      await until(
        'the recorder to exit or to wait',
        () => gone(bob.recorderPid) || Date.now() - killedAt > 1_500,
      )
      await free(bob)
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
      await deny(bob)
      bob.server.kill('SIGKILL')
      expect(await lineOf(bob)).toMatchObject({ cause: 'server-vanished', wait_rc: '1', mode: 'watch' })
      await free(bob)
      await until('the recorder to exit', () => gone(bob.recorderPid), 30_000)
      await reconcile(bob)
      await deathOf(bob, 30_000)
    })

    it('an intent counts: a stop leaves no record, a withdrawn stop does', {
      timeout: 60_000,
    }, async () => {
      const silent = await guardedBy({ root: newRoot(), shell, uid: lonelyUser() })
      await declareIntent({ ...silent, by: 'test', why: 'stop' })
      own(silent.root.path, silent.uid)
      await deny(silent)
      silent.server.kill('SIGKILL')
      await silent.server.gone()
      await new Promise((resolve) => setTimeout(resolve, 300))
      expect(claimOf(silent)).toBeUndefined()
      await withdrawIntent(silent)
      own(silent.root.path, silent.uid)
      expect(await lineOf(silent)).toMatchObject({ cause: 'killed', signal: 'SIGKILL' })
      await free(silent)
      await until('the recorder to exit', () => gone(silent.recorderPid), 30_000)
      await reconcile(silent)
      await settled(silent)
    })
  },
)

const EXIT_HOOK = fileURLToPath(new URL('../../tmux/assets/exit-hook.sh', import.meta.url))

/** A script that `/bin/sh` runs for a lost recorder or a dead leader, with its arguments and inputs. */
interface Program {
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

/** Returns the exit hook, as tmux runs it when a leader exits with 3. */
function hookOf(of: ShellRecorder): Program {
  const { canaryDir, libDir } = recordLayout(of)
  const statePath = join(canaryDir, `${of.identity}-${of.gen}`)
  const hook = join(libDir, 'exit-hook.sh')
  cpSync(EXIT_HOOK, hook)
  symlinkSync(hook, `${statePath}.hook`)
  writeFileSync(`${statePath}.leader`, '4194300\n')
  own(of.root.path, of.uid)
  return { args: [hook, statePath, '%0', '4194300', '3', '', '$0', '%0:4194300'], env: scriptEnv({}) }
}

/** Returns settle.sh for a generation whose recorder and server were killed. */
async function settleOf(of: ShellRecorder): Promise<Program> {
  const record = recordOf(of)
  if (record === undefined) throw new Error('no record')
  await killRecorder(of)
  of.server.kill('SIGKILL')
  await of.server.gone()
  const layout = recordLayout(of)
  const lib = join(layout.libDir, 'scripts')
  const { identity, gen } = of
  const generation = {
    identity,
    gen,
    server: record.server,
    recorder: record.recorder,
    boot: await readBoot(),
  }
  return { args: [join(lib, 'settle.sh')], env: scriptEnv(generationInputs(layout, generation, lib)) }
}

const guardedBySh = (uid?: number) => guardedBy({ root: newRoot(), shell: ['/bin/sh'], uid })

describe.skipIf(missing !== undefined)('where no process can be started', () => {
  const alone = async (of: ShellRecorder, { args, env }: Program) => {
    const [file = '', ...rest] = [...asUser(of.uid), 'prlimit', '--nproc=0:', '/bin/sh', ...args]
    return run(file, rest, { env, cwd: '/' })
  }

  it('the exit hook records the exit of a leader; snapshot and end of the session follow', async () => {
    const bob = await guardedBySh(lonelyUser())
    await alone(bob, hookOf(bob))
    expect(await lineOf(bob)).toMatchObject({ ev: 'session-exit', dead_status: '3', recorder: 'hook' })
    bob.server.kill('SIGKILL')
    await settled(bob)
    expect(exits(bob.recordDir)).toHaveLength(1)
    expect(snapshotOf(bob)).toMatch(/^session-death [\s\S]*\n--- meminfo\nMemTotal:[\s\S]*\n--- end\n$/)
  })

  it('settling records a death that no recorder saw', async () => {
    const bob = await guardedBySh(lonelyUser())
    const settling = await alone(bob, await settleOf(bob))
    expect(settling.stdout).toBe('unwritable\n')
    expect(await lineOf(bob)).toMatchObject({ cause: 'recorder-lost', mode: 'none' })
    await reconcile(bob)
    await deathOf(bob)
  })
})

const strace = findTool('strace')
if (strace === undefined) process.stderr.write('skipped: strace is not installed\n')

describe.skipIf(strace === undefined || process.getuid?.() !== 0)(
  'the processes started before the line',
  () => {
    const STARTS = /\b(?:clone3?|fork|vfork|execve|posix_spawn)\(/
    const traceOf = (of: ShellRecorder): string => join(of.root.path, 'strace')

    /** Returns the trace up to the line of exits.log. */
    function untilLine(of: ShellRecorder): string[] {
      const lines = readFileSync(traceOf(of), 'utf8').split('\n')
      const at = lines.findIndex((line) => /write\(.*ev=(?:server|session)-exit /.test(line))
      expect(at, 'the line in the trace').toBeGreaterThanOrEqual(0)
      return lines.slice(0, at)
    }

    const args = (of: ShellRecorder): string[] => [
      '-f',
      '-e',
      'trace=process,write',
      '-s',
      '100',
      '-o',
      traceOf(of),
    ]

    it('by a guard: none', { timeout: 60_000 }, async () => {
      const bob = await guardedBySh()
      const tracer = spawn(strace ?? '', [...args(bob), '-p', String(bob.recorderPid)], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      let output = ''
      tracer.stderr.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
      await until('strace to attach', () => output.includes('attached'))
      bob.server.kill('SIGKILL')
      await deathOf(bob)
      await until('strace to exit', () => tracer.exitCode !== null || tracer.signalCode !== null)
      expect(untilLine(bob).filter((line) => STARTS.test(line))).toEqual([])
      expect(readFileSync(traceOf(bob), 'utf8')).toMatch(STARTS)
    })

    it.each([
      ['the exit hook', async (of: ShellRecorder) => hookOf(of)],
      ['settle.sh', settleOf],
    ])('by %s: none but itself', { timeout: 60_000 }, async (_name, programOf) => {
      const bob = await guardedBySh()
      const { args: program, env } = await programOf(bob)
      await run(strace ?? '', [...args(bob), '/bin/sh', ...program], { env, cwd: '/' })
      expect(untilLine(bob).filter((line) => STARTS.test(line))).toEqual([
        expect.stringContaining('execve("/bin/sh"'),
      ])
      bob.server.kill('SIGKILL')
      await settled(bob)
    })
  },
)
