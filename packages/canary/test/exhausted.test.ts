import { readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { recordLayout } from '@iapeer/core/paths'
import { campaignCases, mayMount, run, type SmallDisk, smallDisk, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { completeIntent, declareIntent, reconcile, withdrawIntent } from '../src/index.ts'
import { assets, guardedBy, hasProgram, presentShells, type Shell } from './by-shell.ts'
import {
  claimOf,
  deathOf,
  exits,
  expectSilence,
  fixturePath,
  guarded,
  killRecorder,
  type Root,
  recordOf,
  roots,
  type Watched,
  watched,
} from './support.ts'

const newRoot = roots()
if (!mayMount)
  process.stderr.write('skipped: running out of inodes needs root on Linux (the tests mount a small tmpfs)\n')

/** A root with the record directory on its own file system of 1 MiB and 500 inodes. */
async function smallRoot(): Promise<Root & Pick<SmallDisk, 'fill' | 'fillInodes'>> {
  const root = newRoot()
  const disk = await smallDisk(join(root.path, 'disk'))
  root.track(disk.remove)
  return { ...root, recordDir: join(disk.path, 'rec'), fill: disk.fill, fillInodes: disk.fillInodes }
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const preparedOf = (of: Watched, kind = 'facts'): string =>
  readFileSync(join(recordLayout(of).canaryDir, `${of.identity}-${of.gen}.${kind}`), 'utf8').trim()

/** Kills the server of a generation. @returns when, in milliseconds since the epoch */
async function kill(of: Watched, signal: NodeJS.Signals = 'SIGKILL'): Promise<number> {
  of.server.kill(signal)
  const at = Date.now()
  await of.server.gone()
  return at
}

const msFrom = (at: number, ts: string | undefined): number => Math.abs(Date.parse(ts ?? '') - at)

describe.skipIf(!mayMount)('where no file can be made at the death', () => {
  it.each(
    campaignCases([
      ['guard', guarded, 'fillInodes', { cause: 'killed', signal: 'SIGKILL', wait_rc: '137' }],
      ['guard', guarded, 'fill', { cause: 'killed', signal: 'SIGKILL', wait_rc: '137' }],
      ['watch', watched, 'fillInodes', { cause: 'server-vanished', wait_rc: '1' }],
    ] as const),
  )(
    'a %s notes status and time in its prepared file, and the record has the time of death (%#)',
    async (_name, start, fill, expected) => {
      const root = await smallRoot()
      const bob = await start(root)
      const free = root[fill]()
      const killedAt = await kill(bob)
      await until('the facts', () => preparedOf(bob).startsWith('rc='), 2_000)
      await wait(3_000)
      expect(exits(bob.recordDir)).toEqual([])
      free()
      const line = await deathOf(bob)
      expect(line).toMatchObject(expected)
      expect(line).not.toHaveProperty('seen_alive')
      expect(msFrom(killedAt, line['ts'])).toBeLessThan(1_500)
    },
  )

  it('and the recorder is killed too: reconcile records status and time from the prepared file', async () => {
    const root = await smallRoot()
    const bob = await guarded(root)
    const free = root.fillInodes()
    const killedAt = await kill(bob, 'SIGSEGV')
    await until('the facts', () => preparedOf(bob).startsWith('rc=139,'))
    await killRecorder(bob)
    expect(claimOf(bob)).toBeUndefined()
    // The scripts are there already, so a command finds out that it cannot write.
    expect(await reconcile(bob)).toMatchObject([{ outcome: 'unwritable' }])
    await wait(2_000)
    free()
    expect(await reconcile(bob)).toMatchObject([{ outcome: 'recorded' }])
    const line = await deathOf(bob)
    expect(line).toMatchObject({ cause: 'crashed', signal: 'SIGSEGV', mode: 'guard' })
    expect(msFrom(killedAt, line['ts'])).toBeLessThan(1_500)
  })

  it('and the server is stopped on purpose: nothing is recorded afterwards', async () => {
    const root = await smallRoot()
    const bob = await guarded(root)
    await declareIntent({ ...bob, by: 'test', why: 'stop' })
    const free = root.fillInodes()
    await kill(bob)
    await completeIntent(bob)
    await expectSilence(bob)
    free()
    expect(await reconcile(bob)).toEqual([])
    expect(exits(bob.recordDir)).toEqual([])
  })
})

describe.skipIf(process.platform !== 'linux')('where no descriptor is left at the death', () => {
  const limitDescriptors = async (pid: number, soft: number): Promise<number | undefined> =>
    (await run('prlimit', ['--pid', `${pid}`, `--nofile=${soft}:`])).exitCode

  /**
   * A shell sets a redirected descriptor aside above the first ten. These exit if it cannot be there, also where a lower one is free, which
   * only a limit makes so.
   */
  const endsWithoutHigh = ([file]: Shell): boolean => file === '/bin/busybox' || file === '/bin/ksh93'

  /** Takes the descriptors of a recorder, then kills its server. @returns when, in milliseconds since the epoch */
  async function killWithout(of: Watched, recorderPid: number, soft: number): Promise<number> {
    expect(await limitDescriptors(recorderPid, soft)).toBe(0)
    return kill(of)
  }

  it.each([
    ...presentShells.flatMap((shell) =>
      [3, 11]
        .filter((soft) => soft !== 11 || !endsWithoutHigh(shell))
        .map((soft): [string, number, number, Shell] => [shell.join(' '), soft, 300, shell]),
    ),
    ...campaignCases(
      presentShells.map((shell): [string, number, number, Shell] => [shell.join(' '), 3, 3_000, shell]),
    ),
  ])(
    'a guard under %s that has only %i for %i ms waits, and records the death at its time',
    async (...given) => {
      const [, soft, heldMs, shell] = given
      const bob = await guardedBy({ root: newRoot(), shell })
      const killedAt = await killWithout(bob, bob.recorderPid, soft)
      await wait(heldMs)
      await limitDescriptors(bob.recorderPid, 1_024)
      await until('the line', () => exits(bob.recordDir).length === 1)
      // A recorder that can write the line may have no descriptor for what follows it.
      await until('its settling', async () => (await reconcile(bob)).length === 0)
      const line = await deathOf(bob)
      expect(line).toMatchObject({ cause: 'killed', signal: 'SIGKILL', wait_rc: '137' })
      expect(msFrom(killedAt, line['ts'])).toBeLessThan(1_500)
      expect(exits(bob.recordDir)).toHaveLength(1)
    },
  )

  it.each(presentShells.filter(endsWithoutHigh).map((shell): [string, Shell] => [shell.join(' '), shell]))(
    'a guard under %s that has only 11 exits, and the next command records the death once',
    async (_name, shell) => {
      const bob = await guardedBy({ root: newRoot(), shell })
      await killWithout(bob, bob.recorderPid, 11)
      await until(
        'the settling',
        async () => (await reconcile(bob)).length === 0 && exits(bob.recordDir).length > 0,
      )
      expect(await deathOf(bob)).toMatchObject({
        ...{ cause: 'recorder-lost', mode: 'none' },
        seen_alive: expect.stringMatching(/^\d{4}-/),
      })
      expect(exits(bob.recordDir)).toHaveLength(1)
    },
  )

  it('and the recorder is killed: the status is known, and the time is said to be unknown', async () => {
    const bob = await guarded(newRoot())
    const recorder = recordOf(bob)?.recorder.pid ?? 0
    await killWithout(bob, recorder, 3)
    await until('the facts', () => /^rc=137,.*,ts=,/.test(preparedOf(bob)))
    await killRecorder(bob)
    expect(await reconcile(bob)).toMatchObject([{ outcome: 'recorded' }])
    expect(await deathOf(bob)).toMatchObject({
      ...{ cause: 'killed', signal: 'SIGKILL', wait_rc: '137' },
      seen_alive: expect.stringMatching(/^\d{4}-/),
    })
  })
})

describe('a guard that gets no more memory', () => {
  it('writes the line of a death', async () => {
    const bob = await guarded(newRoot())
    const { pid } = recordOf(bob)?.recorder ?? { pid: 0 }
    const size = Number(/^VmSize:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
    await run('prlimit', ['--pid', `${pid}`, `--as=${size * 1024}:`])
    const killedAt = await kill(bob)
    const line = await until('the line', () => exits(bob.recordDir)[0])
    expect(line).toMatchObject({ cause: 'killed', signal: 'SIGKILL', wait_rc: '137' })
    expect(msFrom(killedAt, line['ts'])).toBeLessThan(1_500)
    // Its programs had none either: it tries again every second, or the next command does.
    await run('prlimit', ['--pid', `${pid}`, '--as=unlimited:'])
    await until('its settling', async () => (await reconcile(bob)).length === 0)
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed' })
  })

  it('keeps the evidence of that moment, also where another recorder has written the shared part', async () => {
    const root = newRoot()
    const peers = []
    for (const name of ['a', 'b', 'c'])
      peers.push(await guarded(root, { identity: `claude-${name}`, socketPath: root.socket(name) }))
    const starved = peers.slice(1).map((of) => recordOf(of)?.recorder.pid ?? 0)
    for (const pid of starved) {
      const size = Number(/^VmSize:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
      await run('prlimit', ['--pid', `${pid}`, `--as=${size * 1024}:`])
    }
    for (const peer of peers) await kill(peer)
    await until('the lines', () => exits(root.recordDir).length === peers.length)
    await wait(3_000)
    for (const pid of starved) await run('prlimit', ['--pid', `${pid}`, '--as=unlimited:'])
    await until('the settling', async () => (await reconcile(root)).length === 0)
    for (const peer of peers) {
      const line = await deathOf(peer)
      const text = readFileSync(line['forensics'] ?? '', 'utf8')
      const [, at = ''] = /^--- taken\nat=(\S+)$/m.exec(text) ?? []
      expect(Date.parse(at) - Date.parse(line['ts'] ?? '')).toBeLessThan(2_000)
      expect(text).toMatch(/^--- kernel-log/m)
    }
  })

  it('keeps the memory that it reserves from its server', async () => {
    const bob = await guarded(newRoot())
    const { stdout } = await bob.server.tmux('show-environment', '-g')
    expect(stdout).not.toContain('MALLOC_TOP_PAD_')
    const eve = await guarded(newRoot(), { env: { ...process.env, MALLOC_TOP_PAD_: '4096' } })
    expect((await eve.server.tmux('show-environment', '-g')).stdout).toContain('MALLOC_TOP_PAD_=4096\n')
  })
})

describe.skipIf(!mayMount)('a disk that is full for one line, and has space for the next', () => {
  const written = ['early: at=now', 'snapshot: --- end']
  it.each(
    presentShells.flatMap(
      (shell) =>
        [
          [shell.join(' '), 'nothing', shell, ['first 0', ...written, 'second 0', ...written]],
          [shell.join(' '), 'early', shell, ['first 2', 'early: --- taken', 'second 0', ...written]],
          [shell.join(' '), 'rest', shell, ['first 2', 'early: at=now', 'second 0', ...written]],
          // Others do not take the sections of a host file without its end.
          [
            shell.join(' '),
            'host',
            shell,
            ['first 0', ...written, 'host: ms=1', 'second 0', ...written, 'host: ms=1'],
          ],
          // What a program has copied is not taken for whole either.
          ...(hasProgram(shell)
            ? ([
                [
                  shell.join(' '),
                  'copy',
                  shell,
                  [
                    'first 2',
                    'early: MemTotal: 1 kB',
                    'host: --- end',
                    'second 0',
                    ...written,
                    'host: --- end',
                  ],
                ],
              ] satisfies [string, string, Shell, string[]][])
            : []),
        ] satisfies [string, string, Shell, string[]][],
    ),
  )(
    'under %s: a part with a gap (%s) is not taken for a whole one, and is written again',
    async (_name, part, shell, lines) => {
      const disk = await smallDisk(join(newRoot().path, 'disk'))
      try {
        writeFileSync(join(disk.path, 'filler'), Buffer.alloc(900 * 1024))
        // The disk was full at arming, too.
        writeFileSync(join(disk.path, 'baseline'), 'ts_ms=1\noom_kill 1')
        if (part === 'copy') {
          const sections = `--- meminfo\n${'MemTotal: 1 kB\n'.repeat(600)}`
          const host = `host-evidence boot=b/1 second=1 by=1:1 platform=linux format=1\n${sections}--- taken\nat=then\nms=1\n--- end\n`
          writeFileSync(join(disk.path, 'host'), host)
          writeFileSync(join(disk.path, 'baseline'), 'ts_ms=1\ncomplete=yes\n')
        }
        const [file, ...args] = [...shell, fixturePath('torn.sh'), assets, disk.path, part] as const
        const ran = await run(file, args)
        expect(ran.stdout.trim().split('\n')).toEqual(lines)
        // The number may be the beginning of a longer one.
        expect(readFileSync(join(disk.path, 'snapshot'), 'utf8')).toMatch(
          /\n--- baseline\nts_ms=1\n(?:complete=yes\n)?--- end\n$/,
        )
      } finally {
        await disk.remove()
      }
    },
  )
})

describe('the time of a death', () => {
  it('is that of the exit if its recorder had to wait for an intent that is withdrawn', async () => {
    const bob = await guarded(newRoot())
    await declareIntent({ ...bob, by: 'test', why: 'stop' })
    const killedAt = await kill(bob)
    await wait(2_500)
    await withdrawIntent(bob)
    expect(msFrom(killedAt, (await deathOf(bob))['ts'])).toBeLessThan(1_500)
  })

  it('is that of a witnessed kill command if the recorder is lost as well', async () => {
    const bob = await guarded(newRoot())
    await killRecorder(bob)
    await bob.server.tmux('kill-server')
    const killedAt = Date.now()
    await bob.server.gone()
    await wait(2_500)
    expect(await reconcile(bob)).toMatchObject([{ outcome: 'recorded' }])
    const line = await deathOf(bob)
    expect(line).toMatchObject({ cause: 'recorder-lost' })
    expect(line).not.toHaveProperty('seen_alive')
    expect(msFrom(killedAt, line['ts'])).toBeLessThan(1_500)
  })

  it('is not that of a kill command from before the server was last seen running', async () => {
    const bob = await guarded(newRoot())
    const { deathsDir, canaryDir } = recordLayout(bob)
    const key = `${bob.identity}-${bob.gen}`
    const past = Math.floor(Date.now() / 1_000) - 60
    writeFileSync(
      join(deathsDir, `${key}.witness`),
      `witness ts_ms=${past - 600}000 by=1 command=kill-server confidence=high via=key\n`,
    )
    utimesSync(join(canaryDir, key), past, past)
    await killRecorder(bob)
    await kill(bob)
    await reconcile(bob)
    const line = await deathOf(bob)
    expect(msFrom(past * 1_000, line['seen_alive'])).toBeLessThan(1_000)
    expect(msFrom(Date.now(), line['ts'])).toBeLessThan(10_000)
  })

  it('is before this boot if the host was rebooted, and after it was last seen running', async () => {
    const bob = await guarded(newRoot())
    const { canaryDir } = recordLayout(bob)
    const path = join(canaryDir, `${bob.identity}-${bob.gen}`)
    await killRecorder(bob)
    await kill(bob)
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(/^boot=.*$/m, 'boot=00000000-0000-0000-0000-000000000000/1'),
    )
    const bootedAt = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1])
    utimesSync(path, bootedAt - 3_600, bootedAt - 3_600)
    await reconcile(bob)
    const line = await deathOf(bob)
    expect(line).toMatchObject({ cause: 'host-reboot', ts: new Date(bootedAt * 1_000).toISOString() })
    expect(line['seen_alive']).toBe(new Date((bootedAt - 3_600) * 1_000).toISOString())
  })
})
