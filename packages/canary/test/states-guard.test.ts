import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { recordLayout } from '@iapeer/core/paths'
import { formatProcessId, readBoot } from '@iapeer/core/process'
import { denyProcesses, freeProcesses, lonelyUser, noProcessLimit, until } from '@iapeer/dev/testing'
import { expect } from 'vitest'
import { completeIntent, declareIntent, reconcile } from '../src/index.ts'
import { GEN, guardedBy, IDENTITY, own, type ShellRecorder, startGuard } from './by-shell.ts'
import { drives, type TracedRoot } from './states.ts'
import {
  claimOf,
  deathOf,
  exited,
  exits,
  expectSilence,
  lifecycle,
  linesOf,
  recordOf,
  settled,
} from './support.ts'

const KEY = `${IDENTITY}-${GEN}`
const DASH = ['/bin/sh'] as const
const missing = await noProcessLimit()
const { scenario, complete } = drives(['guard', 'record', 'finish'], {
  skipped: missing === undefined ? [] : ['finish recording no-process'],
})

const guarded = (traced: TracedRoot, word = 'ready'): Promise<ShellRecorder> =>
  guardedBy({ root: traced.root, shell: DASH, prepare: traced.prepare, word })

const deathsOf = (traced: TracedRoot): string => recordLayout(traced.root).deathsDir

scenario(
  [
    'guard arming armed',
    'guard waiting server-ended',
    'guard deciding server-counted',
    'record settling written',
    'finish recording snapshot-written',
  ],
  'a killed server is recorded',
  async (traced) => {
    const bob = await guarded(traced)
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed', signal: 'SIGKILL' })
  },
)

scenario(
  ['guard arming tool-missing'],
  'without its tools it kills the server and reports the tool',
  async (traced) => {
    const bin = join(traced.root.path, 'bin')
    mkdirSync(bin)
    const guard = await startGuard({ root: traced.root, shell: DASH, prepare: traced.prepare, path: bin })
    expect(await linesOf(guard)('failed ')).toMatch(/^failed cannot find date in /)
    await exited(guard)
    expect(guard.exitCode).toBe(1)
  },
)

scenario(
  ['guard arming unwritable'],
  'without a writable directory it kills the server and reports the directory',
  async (traced) => {
    const { canaryDir } = recordLayout(traced.root)
    const prepare = (lib: string): void => {
      traced.prepare(lib)
      rmdirSync(canaryDir)
      writeFileSync(canaryDir, '')
      traced.root.track(() => rmSync(canaryDir, { force: true }))
    }
    const guard = await startGuard({ root: traced.root, shell: DASH, prepare })
    expect(await linesOf(guard)('failed ')).toBe(`failed cannot write in ${canaryDir}`)
    await exited(guard)
    expect(guard.exitCode).toBe(1)
    rmSync(canaryDir)
  },
)

scenario(
  ['guard waiting server-ended', 'guard deciding dismissed', 'finish leaving asked'],
  'after a dismissal the exit of the server is not recorded',
  async (traced) => {
    const bob = await guarded(traced)
    const recorder = recordOf(bob)?.recorder
    if (recorder === undefined) throw new Error('no recorder')
    writeFileSync(join(recordLayout(bob).canaryDir, `${KEY}.dismiss`), `${formatProcessId(recorder)}\n`)
    bob.server.kill('SIGKILL')
    await expectSilence(bob)
  },
)

scenario(
  ['guard deciding launch-given-up', 'finish leaving asked'],
  'an aborted launch is not a death',
  async (traced) => {
    const bob = await guarded(traced, 'failed')
    bob.server.kill('SIGKILL')
    await expectSilence(bob)
  },
)

scenario(
  ['record settling intent-pending', 'record settling intent-done', 'finish forgetting asked'],
  'a declared stop is awaited and not recorded',
  async (traced) => {
    const bob = await guarded(traced)
    await declareIntent({ ...bob, by: 'test', why: 'stop' })
    bob.server.kill('SIGKILL')
    await traced.met('record settling intent-pending')
    await completeIntent(bob)
    await expectSilence(bob)
  },
)

scenario(
  ['record settling intent-abandoned', 'record settling written'],
  'the intent of a declarer that died earlier does not count',
  async (traced) => {
    const bob = await guarded(traced)
    writeFileSync(
      join(recordLayout(bob).intentDir, KEY),
      'state=pending\ndeclarer=4194300:1\nby=test\nwhy=stop\n',
    )
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed' })
    expect(lifecycle(bob.recordDir)).toMatchObject([{ state: 'intent-withdrawn', reason: 'abandoned' }])
  },
)

scenario(
  ['record settling session-claimed'],
  'a claim of the exit hook is finished by the hook of this generation',
  async (traced) => {
    const bob = await guarded(traced)
    const { canaryDir } = recordLayout(bob)
    const ran = join(traced.root.path, 'ran')
    writeFileSync(join(traced.root.path, 'hook.sh'), `echo "$1" >'${ran}'; rm -f "$1" "$1".*\n`)
    symlinkSync(join(traced.root.path, 'hook.sh'), join(canaryDir, `${KEY}.hook`))
    writeFileSync(join(deathsOf(traced), `${KEY}.claim`), 'rc=3,ev=session,rec=4194300:1,ts=1781106127113\n')
    bob.server.kill('SIGKILL')
    await settled(bob)
    expect(readFileSync(ran, 'utf8')).toBe(`${join(canaryDir, KEY)}\n`)
    expect(exits(bob.recordDir)).toEqual([])
  },
)

scenario(
  ['record settling taken'],
  'a generation that another recorder has claimed is not recorded again',
  async (traced) => {
    const bob = await guarded(traced)
    const claim = 'rc=9,ev=server,rec=4194300:1,ts=1781106127113,m=g\n'
    writeFileSync(join(deathsOf(traced), `${KEY}.claim`), claim)
    bob.server.kill('SIGKILL')
    await traced.met('record settling taken')
    expect(claimOf(bob)).toBe(claim)
    await until('the guard to exit', () => !existsSync(`/proc/${bob.recorderPid}/exe`))
    expect(exits(bob.recordDir)).toEqual([])
    expect(await reconcile(bob)).toMatchObject([{ outcome: 'completed' }])
  },
)

scenario(
  ['record settling elsewhere', 'finish leaving asked'],
  'a server with two identities has one death',
  async (traced) => {
    const bob = await guarded(traced)
    const [boot = ''] = (await readBoot()).split(/[-/]/)
    const server = recordOf(bob)?.server
    if (server === undefined) throw new Error('no server')
    writeFileSync(
      join(deathsOf(traced), `${boot}-${server.pid}-${server.token}.server`),
      'claude-ann-00000000000000a1 server 1781106127\n',
    )
    bob.server.kill('SIGKILL')
    await expectSilence(bob)
    expect(lifecycle(bob.recordDir)).toMatchObject([
      { state: 'recorded-elsewhere', reason: 'as:claude-ann-00000000000000a1' },
    ])
  },
)

scenario(
  ['record settling unwritable', 'record settling written'],
  'a line that cannot be written is tried again',
  async (traced) => {
    const bob = await guarded(traced)
    mkdirSync(join(bob.recordDir, 'exits.log'))
    bob.server.kill('SIGKILL')
    await traced.met('record settling unwritable')
    rmdirSync(join(bob.recordDir, 'exits.log'))
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed' })
  },
)

scenario(
  ['finish recording unwritable', 'finish recording snapshot-written'],
  'a snapshot that cannot be written is tried again',
  async (traced) => {
    const bob = await guarded(traced)
    const early = join(deathsOf(traced), `${KEY}.early`)
    mkdirSync(early)
    bob.server.kill('SIGKILL')
    await traced.met('finish recording unwritable')
    rmdirSync(early)
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed' })
  },
)

if (missing === undefined)
  scenario(
    ['record settling written', 'finish recording no-process'],
    'if no process can be started, the next command writes the snapshot',
    async (traced) => {
      const uid = lonelyUser()
      const bob = await guardedBy({ root: traced.root, shell: ['/bin/dash'], prepare: traced.prepare, uid })
      await denyProcesses(bob.recorderPid, uid)
      bob.server.kill('SIGKILL')
      await traced.met('finish recording no-process')
      await freeProcesses(bob.recorderPid, uid)
      await until('the guard to exit', () => !existsSync(`/proc/${bob.recorderPid}/exe`))
      await reconcile(bob)
      expect(await deathOf(bob)).toMatchObject({ cause: 'killed' })
      own(traced.root.path, process.getuid?.())
    },
  )

complete()
