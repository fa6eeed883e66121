import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { identifyProcess, observeProcess } from '@iapeer/core/process'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import type { DrillResult } from '@iapeer/drill'
import { listSessions } from '@iapeer/lifecycle'
import { describe, expect, it } from 'vitest'
import { exitCodeOf, resultText } from '../src/commands/drill/drill-text.ts'
import { homes, jsonLines } from './support.ts'

const newHome = homes()
const places = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('iapeer-drill-'))

it('a drill prints a row for each kind, and writes a report in the format of JUnit', async () => {
  const home = newHome()
  const before = places()
  const report = join(home.path, 'report.xml')
  const words = ['drill', '--count', '3', '--kinds', 'server-sigkill, stop', '--seed', '7', '--junit', report]
  const done = await home.iapeer(...words)
  expect(done).toMatchObject({ exitCode: 0 })
  expect(done.stdout).toMatch(/^drill: 3 acts, \d+ peers at a time, seed 7\n● control: .* was found/)
  expect(done.stdout).toMatch(/\nserver-sigkill +\d +- +\d+ ms +\d+ ms /)
  expect(done.stdout).toMatch(/\nstop +\d +- +- +- /)
  expect(done.stdout).toMatch(/\ndone: 3 acts in .*, nothing is wrong\n$/)
  expect(readFileSync(report, 'utf8')).toContain(
    '<testsuite name="iapeer drill (seed 7)" tests="3" failures="0"',
  )
  expect(places()).toEqual(before)
  // Nothing of it is in the root of the person.
  expect((await home.iapeer('list', '--json')).stdout).toBe('')
})

it.runIf(isFullCampaign())(
  'a drill as JSON has the seed, the control and the times, and the settings of the person do not reach it',
  async () => {
    const variables = { IAPEER_RECORDS: 'off', IAPEER_LAUNCH_PARALLEL: 'x' }
    const words = ['drill', '--count', '1', '--kinds', 'agent-sigkill', '--json']
    const { exitCode, stdout } = await newHome().iapeerWith(variables, ...words)
    expect(exitCode).toBe(0)
    expect(jsonLines(stdout)).toMatchObject([
      {
        ...{
          schemaVersion: 2,
          count: 1,
          done: 1,
          isControlRed: true,
          findings: [],
          seed: expect.any(Number),
        },
        control: {
          'control-disabled-recorder': ['missed'],
          'control-undeclared-stop': ['false-record'],
        },
        kinds: [{ kind: 'agent-sigkill', done: 1, wrong: 0, record: { p50: expect.any(Number) } }],
      },
    ])
  },
)

it('what a drill has started ends also if the drill is killed', async () => {
  const before = places()
  const home = newHome()
  const drill = home.start('drill', '--count', '1000', '--kinds', 'stop,agent-sigkill', '--concurrency', '2')
  const place = await until('its directory', () => places().find((name) => !before.includes(name)))
  const root = join(tmpdir(), place, '1', 'root')
  const sessions = await until('its peers', async () => {
    const found = await listSessions(root)
    return found.length > 0 ? found : undefined
  })
  const status = await home.iapeerWith({ IAPEER_ROOT: root }, 'daemon', 'status', '--json')
  const [{ pid } = {}] = jsonLines(status.stdout)
  const daemon = await identifyProcess(Number(pid))
  if (daemon === undefined) throw new Error(`the daemon does not run: ${status.stdout}`)
  await drill.end('SIGKILL')
  await until('its directory to be removed', () => !places().includes(place), 30_000)
  const processes = [daemon, ...sessions.flatMap(({ server, leader }) => [server, leader])]
  await until('its processes to end', async () => {
    const states = await Promise.all(processes.map((id) => observeProcess(id)))
    return states.every((state) => state === 'gone')
  })
}, 60_000)

it.each([
  [['--kinds', 'meteor'], 'no such kind: "meteor"'],
  [['--kinds', ''], 'no such kind: ""'],
  [['--count', '0'], 'invalid --count "0"'],
  [['--concurrency', '65'], 'invalid --concurrency "65"'],
  [['--seed', '1e3'], 'invalid --seed'],
  [['--count', '1', '--concurrency', '2x'], 'invalid --concurrency'],
])('%j is refused', async (words, message) => {
  const done = await newHome().iapeer('drill', ...words)
  expect(done).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(message) })
})

describe('the exit code', () => {
  const RESULT: DrillResult = {
    ...{ seed: 7, count: 1, done: 1, isInterrupted: false, isControlRed: true, ms: 1, directory: undefined },
    ...{ control: new Map([['control-x', []]]), kinds: [], skipped: [], findings: [] },
  }
  const finding = {
    kind: 'missed',
    what: 'x',
    act: 'stop',
    number: 1,
    identity: undefined,
    gen: undefined,
  } as const

  it.each([
    ['all as it must be', {}, 0],
    ['something wrong', { findings: [finding] }, 1],
    ['a control that was not found to be wrong', { isControlRed: false, findings: [finding] }, 3],
    ['no act that could be done', { done: 0 }, 3],
    ['an interruption', { isInterrupted: true }, 130],
    ['an interruption of the control', { isInterrupted: true, isControlRed: false }, 130],
  ])('of %s', (_what, change, code) => {
    expect(exitCodeOf({ ...RESULT, ...change })).toBe(code)
  })

  it('of a control that was not found to be wrong is explained, with the path of the files', () => {
    const text = resultText({ ...RESULT, isControlRed: false, directory: '/tmp/x' }, 'iapeer drill --seed 7')
    expect(text).toMatch(/^✕ control: .*NOT found \(control-x: nothing\), so nothing is proven/)
    expect(text).toContain('The files are kept: /tmp/x\n')
  })
})

it('a report that cannot be written is an error before anything is started', async () => {
  const before = places()
  const done = await newHome().iapeer('drill', '--count', '1', '--junit', '/no/such/directory/report.xml')
  expect(done).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('/no/such/directory/report.xml'),
  })
  expect(done.stdout).not.toContain('control')
  expect(places()).toEqual(before)
})

it('what is wrong is printed with the command that repeats it', () => {
  const finding = { kind: 'missed', what: 'no death is recorded', act: 'stop', number: 1 } as const
  const result: DrillResult = {
    ...{
      seed: 7,
      count: 1,
      done: 1,
      isInterrupted: false,
      isControlRed: true,
      ms: 1,
      directory: '/tmp/x',
    },
    ...{ control: new Map(), kinds: [], skipped: [] },
    findings: [{ ...finding, identity: 'command-p1', gen: '0123456789abcdef' }],
  }
  expect(resultText(result, 'iapeer drill --seed 7 --kinds stop')).toMatch(
    /✕ stop: missed: no death is recorded \(command-p1-0123456789abcdef\)\nRepeat it: iapeer drill --seed 7 --kinds stop\n/,
  )
  const failed = { ...finding, kind: 'failed', what: 'x', identity: 'command-p1', gen: undefined } as const
  const text = resultText({ ...result, findings: [failed] }, 'iapeer drill --seed 7')
  expect(text).toMatch(/An act that failed [^✕]*smaller\s--concurrency\.\nRepeat it: /)
})

it('Ctrl-C ends a drill, which removes what it has started', async () => {
  const before = places()
  const running = newHome().start('drill', '--count', '500', '--concurrency', '2')
  await until('its directory', () => places().length > before.length)
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  expect(await running.end('SIGINT')).toBe(130)
  expect(running.text()).toMatch(/\ninterrupted: \d+ acts in /)
  expect(places()).toEqual(before)
})
