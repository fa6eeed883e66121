import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { until } from '@iapeer/dev/testing'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  formatProcessId,
  identifyProcess,
  LivenessProbes,
  livenessBySignal,
  observeProcess,
  observeProcesses,
  parseProcessId,
  parseProcStat,
  parsePsLines,
  parseSleep,
  readBoot,
  readCommandLine,
  readProcesses,
  readSleep,
} from '../src/process/index.ts'

describe('a line of /proc/<pid>/stat', () => {
  const tail = '1 801 801 0 -1 4194560 98 0 0 0 0 0 0 0 20 0 1 0 191561 3510272 870 18446744073709551615'

  it.each([
    [`801 (tmux: server) S ${tail}`, { kind: 'running', token: '191561', ppid: 1 }],
    [`801 (a) b) Z 9) Z ${tail}`, { kind: 'zombie', token: '191561', ppid: 1 }],
    [`801 (x) X ${tail}`, { kind: 'zombie', token: '191561', ppid: 1 }],
    ['801 (x) S 1 2', { kind: 'unknown', why: 'unreadable /proc stat line' }],
    ['', { kind: 'unknown', why: 'unreadable /proc stat line' }],
  ])('%j', (line, facts) => {
    expect(parseProcStat(line)).toEqual(facts)
  })

  it('is parsed from the last parenthesis, for any name', () => {
    fc.assert(fc.property(fc.string(), (name) => parseProcStat(`801 (${name}) R ${tail}`).kind === 'running'))
  })
})

describe('the sleep of a process', () => {
  const status = (state: string) =>
    `Name:\tsleep\nUmask:\t0022\nState:\t${state}\nPid:\t801\nvoluntary_ctxt_switches:\t31\nnonvoluntary_ctxt_switches:\t4\n`

  it.each([
    ['S (sleeping)', 35],
    ['R (running)', undefined],
    ['D (disk sleep)', undefined],
    ['T (stopped)', undefined],
    ['Z (zombie)', undefined],
  ])('in state %s', (state, scheduled) => {
    expect(parseSleep(status(state))).toBe(scheduled)
  })

  it('is not known from a text that is not whole', () => {
    expect(parseSleep('')).toBeUndefined()
    expect(parseSleep(status('S (sleeping)').slice(0, -30))).toBeUndefined()
  })

  it.skipIf(process.platform !== 'linux')(
    'ends when it runs again, and does not count while it has a child',
    async () => {
      const reader = spawn('sh', ['-c', 'read -r line; read -r line; cat & wait'], {
        stdio: ['pipe', 'ignore', 'ignore'],
      })
      const pid = reader.pid ?? 0
      try {
        const before = await until('its sleep', () => readSleep(pid))
        await new Promise((resolve) => setTimeout(resolve, 50))
        expect(readSleep(pid)).toBe(before)
        reader.stdin.write('x\n')
        await until('another sleep', () => (readSleep(pid) ?? 0) > before)
        reader.stdin.write('x\n')
        await until('its child', () => readSleep(pid) === undefined)
      } finally {
        reader.kill('SIGKILL')
      }
      expect(readSleep(2 ** 22)).toBeUndefined()
    },
  )
})

describe('the output of ps where there is no /proc', () => {
  it('is parsed to start times and zombies by pid', () => {
    const text =
      '    1     0 Ss   Mon Jun  1 08:00:00 2026\n  812     1 Z+   Tue Jun 10 15:42:07 2026\n\ngarbage\n'
    expect([...parsePsLines(text)]).toEqual([
      [1, { kind: 'running', token: 'Mon_Jun_1_08:00:00_2026', ppid: 0 }],
      [812, { kind: 'zombie', token: 'Tue_Jun_10_15:42:07_2026', ppid: 1 }],
    ])
  })

  it('is parsed without an error, whatever it is', () => {
    fc.assert(fc.property(fc.string(), (text) => parsePsLines(text).size >= 0))
  })
})

describe('the identity of a process', () => {
  it('is alive while this process runs, and gone with another start time', async () => {
    const self = await identifyProcess(process.pid)
    if (self === undefined) throw new Error('no identity')
    expect(await observeProcess(self)).toBe('alive')
    expect(await observeProcesses([{ ...self, token: '1' }, self])).toEqual(['gone', 'alive'])
    expect(parseProcessId(formatProcessId(self))).toEqual(self)
  })

  it('is gone if the process is a zombie', async () => {
    // The shell never waits for its child, which exits at once.
    const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 100'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    try {
      let text = ''
      parent.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      const pid = await until('the pid', () => Number(text.trim()) || undefined)
      const id = await until('the child', () => identifyProcess(pid))
      await until('it to be gone', async () => (await observeProcess(id)) === 'gone')
      if (process.platform === 'linux') expect(readFileSync(`/proc/${pid}/stat`, 'latin1')).toMatch(/\) Z /)
    } finally {
      parent.kill('SIGKILL')
    }
  })

  it('is gone if the pid does not exist', async () => {
    expect(await identifyProcess(4_194_303)).toBeUndefined()
    expect(await observeProcess({ pid: 4_194_303, token: '1' })).toBe('gone')
  })

  it.each(['', '12', ':1', '0:1', 'x:1', '12:', '12:a b', '-1:2'])('cannot be parsed from %j', (text) => {
    expect(parseProcessId(text)).toBeUndefined()
  })

  it('can have a token with colons', () => {
    expect(parseProcessId('812:Tue_Jun_10_15:42:07_2026')).toEqual({
      pid: 812,
      token: 'Tue_Jun_10_15:42:07_2026',
    })
  })

  it('has the same boot in every read', async () => {
    expect(await readBoot()).toMatch(/^\S+\/\S+$/)
    expect(await readBoot()).toBe(await readBoot())
  })
})

describe.skipIf(process.platform !== 'linux')('probes of processes', () => {
  const identify = async (pid: number) => {
    const id = await identifyProcess(pid)
    if (id === undefined) throw new Error(`process ${pid} does not exist`)
    return id
  }

  /** Starts a process that never reaps its child: the child stays a zombie until `reap` ends the parent. */
  async function neglected() {
    const parent = spawn('sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => {
      parent.kill('SIGKILL')
    })
    const line = await new Promise<string>((resolve) =>
      parent.stdout.once('data', (data) => resolve(String(data))),
    )
    // A shell may reap a child that exits before it runs the other program.
    const isSleep = async () => (await readCommandLine(parent.pid ?? 0))?.argv[0] === 'sleep'
    await until('the program of the parent', isSleep)
    const reap = async () => {
      parent.kill('SIGKILL')
      await new Promise((resolve) => parent.once('exit', resolve))
    }
    return { child: await identify(Number(line)), reap }
  }

  it('tell a running process from a zombie and from one that is gone', async () => {
    const probes = new LivenessProbes()
    const { child, reap } = await neglected()
    const self = await identify(process.pid)
    expect(probes.look([child, self])).toEqual(['alive', 'alive'])
    process.kill(child.pid, 'SIGKILL')
    await until('the zombie to be seen', () => probes.look([child])[0] === 'gone')
    expect(probes.look([child, self])).toEqual(['gone', 'alive'])
    await reap()
    await until('the child to be reaped', () => probes.look([child, self]).join() === 'gone,alive')
    probes.close()
  })

  it('take a zombie for running by signal 0 until its file is read', async () => {
    const probes = new LivenessProbes()
    const { child, reap } = await neglected()
    const bySignal = () => probes.look([child], () => 'signal')
    expect(bySignal()).toEqual(['alive'])
    process.kill(child.pid, 'SIGKILL')
    await until(
      'the zombie',
      async () => (await readProcesses([child.pid])).get(child.pid)?.kind === 'zombie',
    )
    expect(bySignal()).toEqual(['alive'])
    expect(probes.look([child])).toEqual(['gone'])
    // Without its file it counts as new, and a new one is always read.
    expect(bySignal()).toEqual(['gone'])
    await reap()
    await until('the child to be reaped', () => livenessBySignal(child) === 'gone')
    probes.close()
  })

  it('report a reused pid as gone, and a stopped process as alive', async () => {
    const probes = new LivenessProbes()
    const child = spawn('sleep', ['1000'])
    const id = await identify(child.pid ?? 0)
    expect(probes.look([{ ...id, token: '1' }])).toEqual(['gone'])
    child.kill('SIGSTOP')
    expect(probes.look([id])).toEqual(['alive'])
    child.kill('SIGKILL')
    await until('it to be gone', () => probes.look([id])[0] === 'gone')
    probes.close()
  })

  it('close the file of a process that is not checked any more', async () => {
    const probes = new LivenessProbes()
    const self = await identify(process.pid)
    const open = () => readdirSync('/proc/self/fd').length
    const before = open()
    for (let round = 0; round < 50; round++) probes.look(round % 2 === 0 ? [self] : [])
    probes.close()
    expect(open()).toBe(before)
  })
})
