import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { recordLayout } from '@iapeer/core/paths'
import { run, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { reconcile } from '../src/index.ts'
import { hasProgram, presentShells, type Shell } from './by-shell.ts'
import { deathOf, guarded, killRecorder, type Root, roots, type Watched } from './support.ts'

const newRoot = roots()
const assets = fileURLToPath(new URL('../assets', import.meta.url))

const deathsIn = (root: Root): string => recordLayout(root).deathsDir
const hostFiles = (root: Root): string[] =>
  readdirSync(deathsIn(root)).filter((name) => name.startsWith('host-'))

async function snapshotOf(of: Watched): Promise<string> {
  const line = await deathOf(of)
  return readFileSync(line['forensics'] ?? '', 'utf8')
}

/** Returns the sections of a snapshot by name, in order. */
const sectionsOf = (text: string): string[] =>
  [...text.matchAll(/^--- (\S+)/gm)].map(([, name]) => name ?? '')

const section = (text: string, name: string): string =>
  new RegExp(`^--- ${name}\\n([\\s\\S]*?)^--- `, 'm').exec(text)?.[1] ?? ''

describe('deaths of one second', () => {
  it('share the host sections, and every snapshot contains them all', async () => {
    const root = newRoot()
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    const peers: Watched[] = []
    for (const name of names)
      peers.push(await guarded(root, { identity: `claude-${name}`, socketPath: root.socket(name) }))
    // All of them within one second of the clock.
    await until('the beginning of a second', () => Date.now() % 1_000 < 300)
    for (const peer of peers) peer.server.kill('SIGKILL')
    const snapshots = await Promise.all(peers.map(snapshotOf))
    const shared = snapshots.filter((text) => text.includes('\n--- shared\n'))
    expect(shared.length).toBeGreaterThanOrEqual(1)
    expect(hostFiles(root).length).toBeLessThan(names.length)
    const own = ['cgroup', 'limits', 'taken', 'core', 'baseline', 'end']
    const wanted = ['meminfo', 'pressure', 'loadavg', 'swaps', 'kernel-log', 'ps-top-rss', ...own]
    for (const text of snapshots) {
      const sections = sectionsOf(text)
      expect(wanted.filter((name) => sections.filter((one) => one === name).length !== 1)).toEqual([])
      expect(section(text, 'meminfo')).toMatch(/^MemTotal: /)
      expect(section(text, 'baseline')).toMatch(/^ts_ms=/)
      expect(section(text, 'cgroup')).toMatch(/^uptime: [^\n]*\noom_kill \d+$/m)
    }
    for (const text of shared) {
      const [, file = '', at = ''] = /^file=(host-\S+\.txt)\nat=(\S+)$/m.exec(section(text, 'shared')) ?? []
      const host = readFileSync(join(deathsIn(root), file), 'utf8')
      expect(section(text, 'meminfo')).toBe(section(host, 'meminfo'))
      expect(section(text, 'ps-top-rss')).toBe(section(host, 'ps-top-rss'))
      const [, died = ''] = / ts=(\S+) /.exec(text) ?? []
      // Sections that were read before this death do not count for it.
      expect(Date.parse(at)).toBeGreaterThanOrEqual(Date.parse(died))
    }
  })

  it('are completed from what their recorders had copied when they were lost', async () => {
    const root = newRoot()
    const bin = join(root.path, 'bin')
    mkdirSync(bin)
    // Snapshots are not moved to their place while the recorders live.
    const mv = '#!/bin/sh\ncase "$*" in *server-deaths*) sleep 1; exit 1 ;; esac\nexec /bin/mv "$@"\n'
    writeFileSync(join(bin, 'mv'), mv, { mode: 0o755 })
    process.env['IAPEER_SCRIPT_PATH'] = `${bin}:/usr/bin:/bin`
    root.track(() => delete process.env['IAPEER_SCRIPT_PATH'])
    const peers: Watched[] = []
    for (const name of ['a', 'b', 'c'])
      peers.push(await guarded(root, { identity: `claude-${name}`, socketPath: root.socket(name) }))
    await until('the beginning of a second', () => Date.now() % 1_000 < 300)
    for (const peer of peers) peer.server.kill('SIGKILL')
    const parts = () => readdirSync(deathsIn(root)).filter((name) => name.endsWith('.part'))
    const isTaken = (name: string) => readFileSync(join(deathsIn(root), name), 'utf8').includes('\n--- end\n')
    await until('the copies', () => parts().length === peers.length && parts().every(isTaken))
    for (const peer of peers) await killRecorder(peer)
    delete process.env['IAPEER_SCRIPT_PATH']
    // The programs that they have started end, and what is read now is much newer.
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    await until('the settling', async () => (await reconcile(root)).length === 0)
    for (const text of await Promise.all(peers.map(snapshotOf))) {
      const [, died = ''] = / ts=(\S+) /.exec(text) ?? []
      const [, at = ''] = /^at=(\S+)$/m.exec(section(text, 'taken')) ?? []
      expect(Date.parse(at) - Date.parse(died)).toBeLessThan(2_000)
      const names = sectionsOf(text)
      expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
    }
    expect(parts()).toEqual([])
  })

  it('share nothing with deaths of another second', async () => {
    const root = newRoot()
    const first = await guarded(root, { identity: 'claude-a', socketPath: root.socket('a') })
    const second = await guarded(root, { identity: 'claude-b', socketPath: root.socket('b') })
    first.server.kill('SIGKILL')
    const at = Date.now()
    const one = await snapshotOf(first)
    await until('another second', () => Date.now() - at > 1_100)
    second.server.kill('SIGKILL')
    for (const text of [one, await snapshotOf(second)]) expect(text).not.toContain('\n--- shared\n')
  })

  it('their shared files are removed after a day', async () => {
    const root = newRoot()
    mkdirSync(deathsIn(root), { recursive: true })
    const names = [
      'host-1a2b3c4d-1781106127.txt',
      'host-1a2b3c4d-1781106127-2.txt',
      'host-1a2b3c4d-1781106128.txt',
      // The snapshot of a peer whose identity looks like such a file.
      'host-ann-1781106127000000.txt',
    ]
    for (const name of names) writeFileSync(join(deathsIn(root), name), 'x\n')
    for (const name of [names[0], names[1], names[3]]) utimesSync(join(deathsIn(root), name ?? ''), 1e9, 1e9)
    await reconcile({ recordDir: root.recordDir })
    expect(hostFiles(root).sort()).toEqual([names[2], names[3]])
  })
})

/** `host-sections.sh` of an earlier commit: recorders that run since then read and write such files. */
const earlier = fileURLToPath(new URL('fixtures/earlier-host-sections.sh', import.meta.url))

const BOOT = '0a1b2c3d-0000-4000-8000-000000000000/1'
const NOW_S = 1_781_106_127
const HEAD = `host-evidence boot=${BOOT} second=${NOW_S} by=4194300:1 platform=linux format=1`
const BODY = '--- meminfo\nMemTotal: 1 kB\n--- ps-top-rss\n 1 0 1 00:01 init'
const taken = (ms: number): string => `--- taken\nat=2026-06-10T15:42:07.200Z\nms=${ms}`
const whole = (ms = NOW_S * 1_000 + 200): string => `${HEAD}\n${BODY}\n${taken(ms)}\n--- end\n`
const BASELINE =
  'ts_ms=1\nmode=guard\ncgroup_v2=/a b\ncgroup_v1=/c\ncgroup_pids=/d\nuptime: 1.00 2.00\ncomplete=yes\n'

interface Shared {
  /** The shared file. */
  readonly text: string | undefined
  /** Commands of the shell after the library was loaded. */
  readonly before?: string
  /** The baseline of the recorder; null if it is missing. */
  readonly baseline?: string | null
}

/** Runs commands of a recorder with a shared file of its second, for a death at .113, and returns what they print. */
async function recorder(
  shell: Shell,
  root: Root,
  { text, before = '', baseline = BASELINE }: Shared,
  commands: string,
): Promise<string> {
  const deaths = deathsIn(root)
  const { canaryDir, stateDir } = recordLayout(root)
  for (const directory of [deaths, canaryDir]) mkdirSync(directory, { recursive: true })
  const path = join(deaths, `host-0a1b2c3d-${NOW_S}.txt`)
  if (text !== undefined) writeFileSync(path, text)
  if (baseline !== null) writeFileSync(join(canaryDir, 'claude-bob-0123456789abcdef.baseline'), baseline)
  const script = `. "$IAPEER_LIB/library.sh"; generation_set; set -f; WAIT_RC=137; CAUSE=killed; ${before}
    clock_split ${NOW_S}113; NOW=${NOW_S}113; host_take; host_defer
    ${commands}`
  const [file, ...args] = shell
  const env = {
    ...process.env,
    IAPEER_LIB: assets,
    IAPEER_IDENTITY: 'claude-bob',
    IAPEER_GEN: '0123456789abcdef',
    IAPEER_SERVER: '4194300:1',
    IAPEER_RECORD_DIR: root.recordDir,
    IAPEER_STATE_DIR: stateDir,
    IAPEER_PLATFORM: 'linux',
    IAPEER_BOOT: BOOT,
    IAPEER_CLOCK: '',
  }
  const result = await run(file, [...args, '-c', script], { env })
  expect(result.stderr).toBe('')
  return result.stdout.trimEnd()
}

/**
 * Returns what a recorder does with a shared file: `own <role> <file>`, or `copied <time>` and the text, with the count of kills first if
 * the file has it.
 */
const awaited = (shell: Shell, root: Root, text: string | undefined, before = ''): Promise<string> =>
  recorder(
    shell,
    root,
    { text, before },
    `if host_await; then
       out "copied $HOST_AT"; [ -z "$HOST_KILLS" ] || out "$HOST_KILLS"
       if [ -n "$HOST_COPY" ]; then sed -e 1d -e '/^--- baseline$/,$d' "$HOST_COPY"; else out "$HOST_TEXT"; fi
     else out "own $HOST_ROLE \${HOST_FILE##*/}"; fi`,
  )

/** Returns the snapshot that a recorder writes with a shared file. */
const written = (shell: Shell, root: Root, shared: Shared): Promise<string> =>
  recorder(shell, root, shared, 'completion_write_snapshot || out "failed $?"; cat "$SNAPSHOT"')

describe.each(presentShells.map((shell): [string, Shell] => [shell.join(' '), shell]))(
  'the sections of another recorder, under %s',
  (_name, shell) => {
    it('are copied unchanged, with the time at which they were read', async () => {
      expect(await awaited(shell, newRoot(), whole())).toBe(`copied 2026-06-10T15:42:07.200Z\n${BODY}`)
    })

    it.each([
      ['by a program', ''],
      ['by the shell, where no program can be started', 'PATH=/nonexistent;'],
      ['by a recorder of an earlier commit', `. "${earlier}";`],
    ])('are copied %s with blank lines, backslashes and lines that look alike', async (_how, before) => {
      const body = `${BODY}\n\n  two blanks \\n\n ---  taken\n--- takeny\n--- end of it\nat=1\nms=2\n$x \`y\` *`
      const text = whole().replace(BODY, body)
      expect(await awaited(shell, newRoot(), text, before)).toBe(`copied 2026-06-10T15:42:07.200Z\n${body}`)
    })

    it('come with the number of kills that was counted then, if the file has it', async () => {
      const text = whole().replace('--- taken\n', '--- taken\noom_kill 12\n')
      const copy = `copied 2026-06-10T15:42:07.200Z\noom_kill 12\n${BODY}`
      expect(await awaited(shell, newRoot(), text)).toBe(copy)
      expect(await awaited(shell, newRoot(), text, 'PATH=/nonexistent;')).toBe(copy)
      // A recorder of an earlier commit counts for itself.
      expect(await awaited(shell, newRoot(), text, `. "${earlier}";`)).toBe(copy.replace('oom_kill 12\n', ''))
    })

    it('are copied whole although the program that copies them is killed in the middle', async () => {
      const root = newRoot()
      const bin = join(root.path, 'bin')
      mkdirSync(bin)
      const sed = ['#!/bin/sh', '/usr/bin/env -u PATH sed "$@" | head -c 80', 'kill -KILL $$', '']
      writeFileSync(join(bin, 'sed'), sed.join('\n'), { mode: 0o755 })
      expect(await awaited(shell, root, whole(), `PATH=${bin}:$PATH;`)).toBe(
        `copied 2026-06-10T15:42:07.200Z\n${BODY}`,
      )
    })

    it('are part of a whole snapshot, with a section that names the file', async () => {
      const root = newRoot()
      const { canaryDir } = recordLayout(root)
      mkdirSync(canaryDir, { recursive: true })
      const leader = 'leader_cgroup_v2=/e\n/e memory.max: 7\n'
      writeFileSync(join(canaryDir, 'claude-bob-0123456789abcdef.leader-cgroup'), leader)
      const text = await written(shell, root, { text: whole() })
      expect(section(text, 'baseline')).toBe(`${BASELINE}${leader}`)
      expect(text).toMatch(
        /^server-death identity=claude-bob gen=0123456789abcdef ts=2026-06-10T15:42:07.113Z /,
      )
      expect(text).toContain(`\n--- shared\nfile=host-0a1b2c3d-${NOW_S}.txt\nat=2026-06-10T15:42:07.200Z\n`)
      const own = ['baseline', 'limits', 'cgroup', 'taken', 'core', 'end']
      expect([...sectionsOf(text)].sort()).toEqual(['meminfo', 'ps-top-rss', 'shared', ...own].sort())
      expect(text).toMatch(/^--- limits\nMax processes .*\nMax open files .*\nMax address space .*\n--- /m)
      // A program copies the baseline with the sections.
      expect(sectionsOf(text).indexOf('baseline') < sectionsOf(text).indexOf('cgroup')).toBe(
        hasProgram(shell),
      )
      expect(readdirSync(deathsIn(root)).filter((name) => /part|early/.test(name))).toEqual(
        hasProgram(shell) ? [] : ['claude-bob-0123456789abcdef.early'],
      )
    })

    it('are kept by a recorder that is lost before its snapshot is complete', async () => {
      const root = newRoot()
      const before = 'evidence_write_rest() { out "--- systemd"; out half; exit 0; };'
      expect(await recorder(shell, root, { text: whole(), before }, 'completion_write_snapshot')).toBe('')
      rmSync(join(deathsIn(root), `host-0a1b2c3d-${NOW_S}.txt`))
      const finish = 'HOST_ROLE=; completion_take_part && completion_write_snapshot; cat "$SNAPSHOT"'
      const text = await recorder(shell, root, { text: undefined }, finish)
      expect(text).toContain(`\n${BODY}\n--- `)
      const own = ['baseline', 'limits', 'cgroup', 'taken', 'core', 'end']
      expect([...sectionsOf(text)].sort()).toEqual(['meminfo', 'ps-top-rss', 'shared', ...own].sort())
      expect(section(text, 'baseline')).toBe(BASELINE)
    })

    it('are kept whole if only the move to its place is missing', async () => {
      const root = newRoot()
      mkdirSync(deathsIn(root), { recursive: true })
      const part = join(deathsIn(root), 'claude-bob-0123456789abcdef.txt.1.part')
      writeFileSync(part, `session-death identity=claude-bob\n${BODY}\n--- pane-tail\nlast words\n--- end\n`)
      const finish = 'HOST_ROLE=; completion_take_whole && cat "$SNAPSHOT"'
      const text = await recorder(shell, root, { text: undefined }, finish)
      expect(text).toMatch(/\n--- pane-tail\nlast words\n--- end$/)
      expect(existsSync(part)).toBe(false)
    })

    it('are copied once more if that fails, and are not replaced by newer ones', async () => {
      const root = newRoot()
      mkdirSync(deathsIn(root), { recursive: true })
      const name = 'claude-bob-0123456789abcdef.txt'
      const part = `server-death identity=claude-bob\n${BODY}\n--- taken\nat=then\n--- core\n`
      writeFileSync(join(deathsIn(root), `${name}.1.part`), part)
      const bin = join(root.path, 'bin')
      mkdirSync(bin)
      writeFileSync(join(bin, 'sed'), '#!/bin/sh\nkill -KILL $$\n', { mode: 0o755 })
      const before = `good=$PATH; PATH=${bin}:$PATH;`
      const finish =
        'HOST_ROLE=; { completion_take_part && out taken; } 2>/dev/null; PATH=$good; completion_take_part && completion_write_snapshot; cat "$SNAPSHOT"'
      const text = await recorder(shell, root, { text: undefined, before }, finish)
      expect(text).toMatch(/^server-death identity=claude-bob\n--- meminfo\nMemTotal: 1 kB\n/)
      expect(text).toContain('\n--- taken\nat=then\n')
    })

    it('and parts of several lost recorders give each section once', async () => {
      const root = newRoot()
      mkdirSync(deathsIn(root), { recursive: true })
      const name = join(deathsIn(root), 'claude-bob-0123456789abcdef.txt')
      const torn = `server-death identity=claude-bob\n${BODY}\n--- baseline\n${BASELINE}--- shared\nfile=x\nat=y\n--- limits\n`
      writeFileSync(`${name}.10.part`, torn)
      const slow = 'server-death identity=claude-bob\n--- meminfo\n--- taken\nat=then\n--- kernel-log\n'
      writeFileSync(`${name}.20.part`, slow)
      const finish = 'HOST_ROLE=; completion_take_part && completion_write_snapshot; cat "$SNAPSHOT"'
      const text = await recorder(shell, root, { text: undefined }, finish)
      const wanted = ['meminfo', 'taken', 'kernel-log', 'core', 'ps-top-rss', 'baseline', 'end']
      expect(sectionsOf(text)).toEqual(wanted)
      expect(section(text, 'baseline')).toBe(BASELINE)
    })

    it('are not offered to others by a recorder whose programs did not start', async () => {
      const root = newRoot()
      const before = 'evidence_write_host_rest() { :; };'
      const text = await written(shell, root, { text: undefined, before })
      expect(text).toContain('\n--- kernel-log unavailable: no program could read it\n')
      expect(text).toMatch(/\n--- end$/)
      expect(readFileSync(join(deathsIn(root), `host-0a1b2c3d-${NOW_S}.txt`), 'utf8')).not.toContain(
        '--- end',
      )
    })

    it('are followed by no cgroup of a baseline that is cut in its path', async () => {
      const root = newRoot()
      const mount = join(root.path, 'cgroup')
      mkdirSync(join(mount, 'user.slice'), { recursive: true })
      writeFileSync(join(mount, 'cgroup.controllers'), 'memory\n')
      writeFileSync(join(mount, 'user.slice', 'memory.max'), '77\n')
      const before = `CGROUP_ROOT=${mount};`
      const baseline = 'ts_ms=1\ncgroup_v2=/user.slice'
      expect(await written(shell, root, { text: whole(), before, baseline })).not.toContain('memory.max: 77')
      const complete = `${baseline}\ncgroup_v1=\ncgroup_pids=\ncomplete=yes\n`
      const again = newRoot()
      expect(await written(shell, again, { text: whole(), before, baseline: complete })).toContain(
        'memory.max: 77',
      )
    })

    it('are read by a recorder that finishes for one that was lost before it had copied them', async () => {
      const root = newRoot()
      mkdirSync(deathsIn(root), { recursive: true })
      const part = join(deathsIn(root), 'claude-bob-0123456789abcdef.txt.1.part')
      writeFileSync(
        part,
        `server-death identity=claude-bob\n${BODY}\n--- baseline\nts_ms=1\n--- shared\nfile=x\n`,
      )
      const finish = 'HOST_ROLE=; completion_take_part && completion_write_snapshot; cat "$SNAPSHOT"'
      const text = await recorder(shell, root, { text: undefined }, finish)
      expect(text).not.toContain('--- shared')
      expect(section(text, 'baseline')).toBe(BASELINE)
      expect(text).toMatch(/\n--- end$/)
    })

    it.runIf(hasProgram(shell) && existsSync('/bin/busybox'))(
      'are copied by the sed of BusyBox too',
      async () => {
        const root = newRoot()
        const bin = join(root.path, 'bin')
        mkdirSync(bin)
        symlinkSync('/bin/busybox', join(bin, 'sed'))
        const text = await written(shell, root, { text: whole(), before: `PATH=${bin}:$PATH;` })
        expect(section(text, 'baseline')).toBe(BASELINE)
        expect(text).toContain(`\n${BODY}\n--- baseline\n`)
        expect(sectionsOf(text).filter((name) => name === 'shared')).toHaveLength(1)
      },
    )

    it.each([
      ['of an earlier commit', BASELINE.replace('complete=yes\n', ''), 'uptime: 1.00 2.00\n'],
      ['that a full disk has cut', 'ts_ms=1\ncgroup_pids=/d\noom_kill 1', 'cgroup_pids=/d\n'],
      ['that is empty', '', '--- baseline\n'],
      [
        'that looks complete in its middle',
        BASELINE.replace('mode', 'complete=yes \nmode'),
        'uptime: 1.00 2.00\n',
      ],
    ])('are followed by a baseline %s', async (_what, baseline, end) => {
      const text = await written(shell, newRoot(), { text: whole(), baseline })
      expect(text).toContain(BODY)
      expect(sectionsOf(text).filter((name) => name === 'baseline')).toHaveLength(1)
      const known = `--- baseline\n${section(text, 'baseline')}`
      expect(known.replace('complete=yes\n', '').endsWith(end)).toBe(true)
      expect(known).not.toContain('oom_kill')
    })

    it('are followed by the reason if the baseline is missing', async () => {
      const text = await written(shell, newRoot(), { text: whole(), baseline: null })
      expect(text).toContain(BODY)
      expect(text).toMatch(/^--- baseline unavailable: .*\.baseline is not readable$/m)
    })

    it('are awaited while their writer is running', async () => {
      const root = newRoot()
      const waiting = awaited(shell, root, `${HEAD}\n`)
      await new Promise((resolve) => setTimeout(resolve, 50))
      writeFileSync(join(deathsIn(root), `host-0a1b2c3d-${NOW_S}.txt`), whole())
      expect(await waiting).toMatch(/^copied /)
    })

    it.each([
      ['half-written', `${HEAD}\n${BODY}\n`],
      ['cut in its last line', whole().slice(0, -2)],
      ['empty', ''],
      ['of another boot', whole().replace('0a1b2c3d-0000', '0a1b2c3d-1111')],
      ['of another second', whole().replace(`second=${NOW_S}`, `second=${NOW_S - 1}`)],
      ['of another platform', whole().replace('platform=linux', 'platform=darwin')],
      ['that is something else', 'not a file of a recorder\n--- taken\n--- end\n'],
    ])('are ignored in a file %s: the recorder reads its own', async (_what, text) => {
      expect(await awaited(shell, newRoot(), text)).toBe(`own  host-0a1b2c3d-${NOW_S}.txt`)
    })

    it.each([
      ['before the death was noticed', NOW_S * 1_000 + 112],
      ['more than five seconds later', NOW_S * 1_000 + 6_000],
    ])(
      'do not count if they were read %s: the recorder reads new ones, also for others',
      async (_what, ms) => {
        expect(await awaited(shell, newRoot(), whole(ms))).toBe(`own ours host-0a1b2c3d-${NOW_S}-2.txt`)
      },
    )

    it('are not read through a symbolic link', async () => {
      const root = newRoot()
      mkdirSync(deathsIn(root), { recursive: true })
      writeFileSync(join(root.path, 'elsewhere'), whole())
      symlinkSync(join(root.path, 'elsewhere'), join(deathsIn(root), `host-0a1b2c3d-${NOW_S}.txt`))
      expect(await awaited(shell, root, undefined)).toBe(`own  host-0a1b2c3d-${NOW_S}.txt`)
    })
  },
)
