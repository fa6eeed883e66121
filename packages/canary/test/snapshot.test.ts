import { chmodSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { roots } from './support.ts'

const newRoot = roots()
const assets = fileURLToPath(new URL('../assets', import.meta.url))

/** Runs the snapshot functions of the shell assets with a given PATH and platform. */
async function snapshot(
  directory: string,
  options: { platform: string; env?: NodeJS.ProcessEnv; tools?: Record<string, string> },
): Promise<string> {
  const bin = join(directory, 'bin')
  mkdirSync(bin, { recursive: true })
  for (const [name, body] of Object.entries(options.tools ?? {})) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  const script = `
    . "$ASSETS/library.sh"; . "$ASSETS/evidence-baseline.sh"
    generation_set; clock_read; WAIT_RC=1 CAUSE=server-vanished
    mkdir -p "$DEATHS" "$STATE_DIR/canary"; evidence_write_baseline; [ -z "$AFTER_BASELINE" ] || eval "$AFTER_BASELINE"
    evidence_write_early; evidence_write_snapshot || exit 9; cat "$SNAPSHOT"`
  const env = {
    PATH: `${bin}:/usr/bin:/bin`,
    HOME: directory,
    ASSETS: assets,
    IAPEER_LIB: assets,
    IAPEER_IDENTITY: 'claude-bob',
    IAPEER_GEN: '0123456789abcdef',
    IAPEER_SERVER: `${process.pid}:1`,
    IAPEER_RECORD_DIR: directory,
    IAPEER_STATE_DIR: join(directory, 'state'),
    IAPEER_PLATFORM: options.platform,
    IAPEER_BOOT: 'b/1',
    ...options.env,
  }
  const done = await run('/bin/sh', ['-c', script], { env })
  expect(done).toMatchObject({ exitCode: 0 })
  return done.stdout
}

const sectionsOf = (text: string): string[] =>
  text.split('\n').flatMap((line) => /^--- (\S+)/.exec(line)?.[1] ?? [])

describe('a snapshot', () => {
  it('on Linux has every section of the contract, in order, and ends', async () => {
    const text = await snapshot(newRoot().path, { platform: 'linux' })
    expect(sectionsOf(text)).toEqual([
      'meminfo',
      'pressure',
      'loadavg',
      'swaps',
      'cgroup',
      'limits',
      'taken',
      'kernel-log',
      'core',
      'ps-top-rss',
      'baseline',
      'end',
    ])
    expect(text).toMatch(
      /^server-death identity=claude-bob gen=0123456789abcdef ts=\S+Z server_pid=\d+ wait_rc=1 cause=server-vanished platform=linux format=1\n/,
    )
  })

  it('contains no arguments of processes', async () => {
    const secret = 's3cr3t-in-argv'
    const holder = run('/bin/sh', ['-c', 'sleep 1.5', secret])
    expect(await snapshot(newRoot().path, { platform: 'linux' })).not.toContain(secret)
    await holder
  })

  it('is complete in bounded time and gives reasons if tools hang, fail or are missing', async () => {
    const started = performance.now()
    const cat = 'case $1 in /dev/kmsg) exit 1 ;; *) exec /bin/cat "$@" ;; esac'
    const tools = { dmesg: 'sleep 30', journalctl: 'exit 1', ps: 'sleep 30', coredumpctl: 'sleep 30', cat }
    const text = await snapshot(newRoot().path, { platform: 'linux', tools })
    expect(performance.now() - started).toBeLessThan(5_000)
    expect(text).toMatch(/^--- kernel-log unavailable: .+$/m)
    expect(text).toMatch(/^--- ps-top-rss unavailable: .+$/m)
    expect(text.endsWith('\n--- end\n')).toBe(true)
  })

  it('without dmesg and journal it reads /dev/kmsg, which never ends', async () => {
    const line = '6,1234,98765432109,-;Out of memory: Killed process 801 (tmux: server)'
    const cat = `case $1 in /dev/kmsg) echo '${line}'; echo ' SUBSYSTEM=x'; exec sleep 30 ;; *) exec /bin/cat "$@" ;; esac`
    const tools = { dmesg: 'exit 1', journalctl: 'exit 1', cat }
    const text = await snapshot(newRoot().path, { platform: 'linux', tools })
    expect(text).toContain(
      '--- kernel-log\n[98765.432109] Out of memory: Killed process 801 (tmux: server)\n--- core\n',
    )
  })

  it.runIf(process.platform === 'linux' && process.getuid?.() === 0)(
    'reads the real one so too',
    async () => {
      const tools = { dmesg: 'exit 1', journalctl: 'exit 1' }
      const text = await snapshot(newRoot().path, { platform: 'linux', tools })
      expect(text).toMatch(/^--- kernel-log$/m)
    },
  )

  it('no output of a tool can look like a section', async () => {
    const tools = {
      dmesg: "echo '[ 1.0] Killed process 7'; echo '--- end Killed process'",
      ps: "echo '--- baseline'; echo '    1     0  9232       31:55 --- end'",
    }
    const text = await snapshot(newRoot().path, { platform: 'linux', tools })
    expect(sectionsOf(text).filter((name) => name === 'end' || name === 'baseline')).toEqual([
      'baseline',
      'end',
    ])
  })

  it('reads the limits and counters of a cgroup and its ancestors, v2', async () => {
    const directory = newRoot().path
    const mount = join(directory, 'cg')
    mkdirSync(join(mount, 'user.slice', 'a.scope'), { recursive: true })
    writeFileSync(join(mount, 'cgroup.controllers'), 'memory\n')
    writeFileSync(
      join(mount, 'user.slice', 'a.scope', 'memory.events'),
      'low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n',
    )
    writeFileSync(join(mount, 'user.slice', 'memory.max'), '1048576\n')
    const after = 'CGROUP_V2=/user.slice/a.scope CGROUP_V1='
    const text = await snapshot(directory, {
      platform: 'linux',
      env: { CGROUP_ROOT: mount, AFTER_BASELINE: after },
    })
    expect(text).toContain('/user.slice/a.scope memory.events: low 0 high 0 max 3 oom 1 oom_kill 1\n')
    expect(text).toContain('/user.slice memory.max: 1048576\n')
  })

  it('on macOS has its sections, from the tools of macOS in their documented formats', async () => {
    const directory = newRoot().path
    const reports = join(directory, 'Library', 'Logs', 'DiagnosticReports')
    const system = join(directory, 'system')
    for (const made of [reports, system]) mkdirSync(made, { recursive: true })
    writeFileSync(join(reports, 'old-2020-01-01-000000.ips'), '{"app_name":"old"}\n')
    utimesSync(join(reports, 'old-2020-01-01-000000.ips'), 1e9, 1e9)
    const fresh = join(reports, 'tmux-2026-06-10-154207.ips')
    const after = `sleep 0.05; printf '%s\\n%s\\n' '{"app_name":"tmux","bug_type":"309"}' '{"pid":801}' > '${fresh}'`
    const tools = {
      vm_stat:
        "echo 'Mach Virtual Memory Statistics: (page size of 16384 bytes)'; echo 'Pages free:                               12345.'",
      sysctl:
        'case $1 in vm.swapusage) echo "vm.swapusage: total = 2048.00M  used = 1024.00M  free = 1024.00M  (encrypted)";; *) echo "vm.loadavg: { 1.50 1.40 1.30 }";; esac',
      ps: "printf '  812     1 123456       01:02 claude\\n  801     1   4321       01:03 tmux\\n'",
    }
    const text = await snapshot(directory, {
      platform: 'darwin',
      tools,
      env: { SYSTEM_REPORTS: system, AFTER_BASELINE: after },
    })
    expect(sectionsOf(text)).toEqual([
      'taken',
      'vm_stat',
      'swapusage',
      'loadavg',
      'diagnosticreports-user',
      'diagnosticreports-system',
      'ps-top-rss',
      'baseline',
      'end',
    ])
    expect(text).toContain('tmux-2026-06-10-154207.ips {"app_name":"tmux","bug_type":"309"}\n')
    expect(text).not.toContain('old-2020')
    expect(text).toContain('vm.swapusage: total = 2048.00M')
  })
})

describe('time in the shell', () => {
  it.each([
    1_000_000_000_000, 1_781_106_127_113, 1_709_210_096_001, 1_735_689_599_999, 4_107_542_400_000,
    9_999_999_999_999,
  ])('%i is formatted as in JavaScript', async (ms) => {
    const script = '. "$IAPEER_LIB/library.sh"; clock_split "$1"; clock_format; echo "$ISO"'
    const done = await run('/bin/sh', ['-c', script, 'sh', String(ms)], {
      env: { IAPEER_LIB: assets, PATH: '/usr/bin:/bin' },
    })
    expect(done.stdout.trim()).toBe(new Date(ms).toISOString())
  })

  it('whole seconds stay whole seconds', async () => {
    const script = '. "$IAPEER_LIB/library.sh"; clock_split 1781106127; clock_format; echo "$ISO"'
    const env = { IAPEER_LIB: assets, PATH: '/usr/bin:/bin' }
    const done = await run('/bin/sh', ['-c', script], { env })
    expect(done.stdout).toBe('2026-06-10T15:42:07Z\n')
  })

  it('without /proc a token comes from `ps`', async () => {
    const directory = newRoot().path
    writeFileSync(
      join(directory, 'ps'),
      '#!/bin/sh\ncase "$*" in *" 812") echo "Ss   Tue Jun 10 15:42:07 2026     1" ;; *) exit 1 ;; esac\n',
    )
    chmodSync(join(directory, 'ps'), 0o755)
    const script =
      '. "$A/process.sh"; process_read_ps 812; echo "$P_STATE $P_TOKEN"; P_TOKEN=; process_read_ps 9; echo "$P_STATE $P_TOKEN"'
    const env = { A: assets, PATH: `${directory}:/usr/bin:/bin` }
    expect((await run('/bin/sh', ['-c', script], { env })).stdout).toBe(
      'running Tue_Jun_10_15:42:07_2026\ngone \n',
    )
  })
})
