import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { stopDaemon } from '@iapeer/host'
import { statusOf } from '@iapeer/lifecycle/sessions'
import { afterEach, describe, expect, it } from 'vitest'
import { type Home, homes, jsonLines } from './support.ts'

const newHome = homes()
const BOB = toIdentity('command-bob')
const roots: string[] = []
afterEach(async () => {
  for (const root of roots.splice(0)) await stopDaemon(root)
})

const USUAL = '/usr/bin:/bin'
/** The environment in which the daemon of a test is started. */
const SHORT = { PATH: USUAL, LC_ALL: 'C.UTF-8', LANG: '' }

interface Tools extends Home {
  /** The directory of the program agent-x, which is on no other PATH. */
  readonly bin: string
  /** Returns the PATH and locale that the program had when it was started, once. */
  readonly seen: () => Promise<string>
  readonly killed: () => Promise<void>
}

function homeWithProgram(): Tools {
  const home = newHome()
  roots.push(home.root)
  const bin = join(home.path, 'tools')
  const out = join(home.path, 'seen')
  mkdirSync(bin)
  const program = `#!/bin/sh\necho "$PATH|\${LANG-}|\${LC_ALL-}" > '${out}.new'\nmv '${out}.new' '${out}'\nexec sleep 1000\n`
  writeFileSync(join(bin, 'agent-x'), program, { mode: 0o755 })
  const seen = async (): Promise<string> => {
    await until('the program to run', () => existsSync(out), 20_000)
    const text = readFileSync(out, 'utf8').trimEnd()
    rmSync(out)
    return text
  }
  const killed = async (): Promise<void> => {
    const { session } = await statusOf(home.root, BOB)
    process.kill(session?.leader.pid ?? Number.NaN, 'SIGKILL')
  }
  return { ...home, bin, seen, killed }
}

describe('a peer whose program is on the PATH of the shell alone, and not on that of the daemon', () => {
  it.runIf(isFullCampaign())(
    'is started with the PATH and locale of the shell, and restarted with them, also by the next daemon',
    async () => {
      const { iapeerWith, bin, seen, killed } = homeWithProgram()
      const shell = { PATH: `${bin}:${USUAL}`, LC_ALL: '', LANG: 'de_DE.UTF-8' }
      expect((await iapeerWith(SHORT, 'daemon', 'start')).exitCode).toBe(0)
      await iapeerWith(shell, 'create', 'bob', '--', 'agent-x')
      await iapeerWith(shell, 'set', 'bob', 'restart=always')
      const refused = await iapeerWith(SHORT, 'start', 'bob')
      expect(refused.exitCode).toBe(1)
      expect(refused.stderr).toContain('program not found: agent-x, in the PATH of the caller\n')
      expect(await iapeerWith(shell, 'start', 'bob')).toMatchObject({ exitCode: 0, stderr: '' })
      const expected = `${bin}:${USUAL}|de_DE.UTF-8|`
      expect(await seen()).toBe(expected)
      await killed()
      expect(await seen()).toBe(expected)
      await iapeerWith(SHORT, 'daemon', 'stop')
      await iapeerWith(SHORT, 'daemon', 'start')
      await killed()
      expect(await seen()).toBe(expected)
      expect((await iapeerWith(SHORT, 'restart', 'bob')).exitCode).toBe(0)
      expect(await seen()).toBe(expected)
      const shown = (await iapeerWith(SHORT, 'show', 'bob')).stdout
      expect(shown).toMatch(new RegExp(`^ {2}PATH +${bin}:${USUAL} \\(recorded \\d+ (s|min) ago\\)$`, 'm'))
      expect(shown).toMatch(/^ {2}locale +LANG=de_DE.UTF-8$/m)
      expect(jsonLines((await iapeerWith(SHORT, 'show', 'bob', '--json')).stdout)).toMatchObject([
        {
          environment: {
            variables: { PATH: `${bin}:${USUAL}`, LANG: 'de_DE.UTF-8' },
            removed: [],
            overridden: [],
          },
        },
      ])
    },
  )

  it.runIf(isFullCampaign())(
    'is not restarted when its directory was removed: the reason names the directory',
    async () => {
      const { iapeerWith, iapeer, path, bin, seen, killed } = homeWithProgram()
      const shell = { PATH: `${bin}:${USUAL}` }
      await iapeerWith(SHORT, 'daemon', 'start')
      await iapeerWith(shell, 'create', 'bob', '--', 'agent-x')
      await iapeerWith(shell, 'set', 'bob', 'restart=always')
      await iapeerWith(shell, 'start', 'bob')
      await seen()
      renameSync(bin, join(path, 'moved'))
      const restart = await iapeer('restart', 'bob')
      expect(restart.exitCode).toBe(1)
      expect(restart.stderr).toMatch(
        new RegExp(
          `^iapeer: the PATH recorded for command-bob at .* contains a directory that does not exist any more: ${bin}\\n`,
        ),
      )
      expect((await iapeer('show', 'bob')).stdout).toMatch(
        new RegExp(`^ {2}removed +${bin} \\(of this PATH\\)`, 'm'),
      )
      await killed()
      await until(
        'the refused restart',
        async () => (await iapeer('events')).stdout.includes(`any more: ${bin}`),
        20_000,
      )
      await iapeer('stop', 'bob')
      await iapeer('reset', 'bob')
      expect((await iapeerWith({ PATH: `${join(path, 'moved')}:${USUAL}` }, 'start', 'bob')).exitCode).toBe(0)
      expect(await seen()).toMatch(new RegExp(`^${path}/moved:`))
    },
  )
})

it.runIf(isFullCampaign())(
  'iapeer run and restart --fresh use the PATH of their caller, and record it',
  async () => {
    const { iapeerWith, startWith, bin, seen } = homeWithProgram()
    const shell = { PATH: `${bin}:${USUAL}` }
    await iapeerWith(shell, 'create', 'bob', '--', 'agent-x')
    const running = startWith(shell, 'run', 'bob')
    expect(await seen()).toMatch(new RegExp(`^${bin}:${USUAL}\\|`))
    expect(await running.end('SIGTERM')).toBe(0)
    const recorded = async () => jsonLines((await iapeerWith(SHORT, 'show', 'bob', '--json')).stdout)
    expect(await recorded()).toMatchObject([{ environment: { variables: { PATH: `${bin}:${USUAL}` } } }])
    const fresh = { PATH: `${bin}:/bin` }
    expect((await iapeerWith(fresh, 'restart', '--fresh', 'bob', '--no-daemon')).exitCode).toBe(0)
    expect(await seen()).toMatch(new RegExp(`^${bin}:/bin\\|`))
    expect(await recorded()).toMatchObject([{ environment: { variables: { PATH: `${bin}:/bin` } } }])
  },
)
