import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { isFullCampaign } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { closest } from '../src/did-you-mean.ts'
import { homes } from './support.ts'

const newHome = homes()

it.each([
  ['strat', ['start', 'stop', 'status'], 'start'],
  ['bbo', ['bob', 'ann'], 'bob'],
  ['bob', ['ann', 'eve'], undefined],
  ['ab', ['cd'], undefined],
  ['', ['cd'], undefined],
])('%j among %j is closest to %j', (word, candidates, expected) => {
  expect(closest(word, candidates)).toBe(expected)
})

describe('the command line', () => {
  it.each([
    [['strat'], /^iapeer: no such command: strat\n {2}Did you mean start\?\n {2}iapeer --help lists/],
    [['qqqqq'], /^iapeer: no such command: qqqqq\n {2}iapeer --help lists the commands\.\n$/],
    [
      ['daemon', 'strat'],
      /^iapeer: no such command: daemon strat\n {2}Did you mean start\?\n {2}iapeer daemon --help/,
    ],
    [['service', 'foo', 'bar'], /^iapeer: no such command: service foo\n {2}iapeer service --help/],
    [['help', 'daemn'], /no such command: daemn\n {2}Did you mean daemon\?/],
    [['watch', '--kep'], /unknown option '--kep'\n {2}Did you mean --keep\?\n {2}Usage: iapeer watch /],
    [
      ['create'],
      /^iapeer: missing required argument 'name'\n {2}Usage: iapeer create .*\n {2}iapeer create --help explains it\.\n$/,
    ],
    [
      ['create', 'foo', 'top', '-b'],
      /unknown option '-b'\n {2}To pass options to the program, put -- before it: iapeer create foo -- top -b\n/,
    ],
    [
      ['create', '--runtime', 'command', 'foo', 'top', '-b'],
      /before it: iapeer create --runtime command foo -- top -b\n/,
    ],
    [['create', 'foo', '-b'], /unknown option '-b'\n {2}Usage: iapeer create /],
    [['daemon', 'start', 'x'], /too many arguments.*\n {2}Usage: iapeer daemon start /],
  ])('%j exits with 2 and names the command that was meant', async (args, message) => {
    const done = await newHome().iapeer(...args)
    expect(done).toMatchObject({ exitCode: 2, stdout: '' })
    expect(done.stderr).toMatch(message)
  })

  it('names the peer that was probably meant, and none that is not similar', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'top')
    const near = await home.iapeer('show', 'bbo')
    expect(near).toMatchObject({ exitCode: 4, stdout: '' })
    expect(near.stderr).toMatch(/no such peer: bbo\n.*\n {2}Did you mean bob\?\n$/)
    expect((await home.iapeer('show', 'eve')).stderr).not.toContain('Did you mean')
  })

  it.runIf(isFullCampaign())('knows the everyday words', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'top')
    const listed = await home.iapeer('list', '--json')
    expect(await home.iapeer('ls', '--json')).toEqual(listed)
    expect(await home.iapeer('ps', '--json')).toEqual(listed)
    const { stdout } = await home.iapeer('--version')
    for (const word of ['version', '-v', '-V']) expect((await home.iapeer(word)).stdout).toBe(stdout)
    const help = await home.iapeer('daemon', 'start', '--help')
    expect(await home.iapeer('help', 'daemon', 'start')).toEqual(help)
    expect((await home.iapeer('help', 'restart')).stdout).toMatch(
      /Exit codes: .*3 not running, 4 no such peer/,
    )
    expect((await home.iapeer('help')).stdout).toMatch(/list\|ls/)
    expect((await home.iapeer('rm', 'bob')).stdout).toMatch(/^bob is removed/)
  })

  it.runIf(isFullCampaign())(
    'restart resumes, --fresh starts, and --all restarts what is running',
    async () => {
      const home = newHome()
      const work = join(home.path, 'work')
      mkdirSync(work)
      for (const name of ['bob', 'ann', 'eve']) await home.iapeer('create', name, '--', 'sleep', '1000')
      const env = { IAPEER_DAEMON_AUTOSTART: 'off' }
      expect(await home.iapeerWith(env, 'restart', 'bob')).toMatchObject({ exitCode: 3 })
      expect(await home.iapeerWith(env, 'restart', 'bob', '--fresh')).toMatchObject({ exitCode: 0 })
      expect(await home.iapeerWith(env, 'start', 'ann')).toMatchObject({ exitCode: 0 })
      const all = await home.iapeerWith(env, 'restart', '--all')
      expect(all.stdout.trimEnd().split('\n').sort()).toEqual([
        '2 restarted; skipped: 1 not running',
        expect.stringMatching(/^● ann is restarted: pid \d+$/),
        expect.stringMatching(/^● bob is restarted: pid \d+$/),
      ])
      expect(await home.iapeer('restart', 'bob', '--all')).toMatchObject({ exitCode: 2 })
      expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
      await home.iapeer('stop', '--all')
    },
  )
})
