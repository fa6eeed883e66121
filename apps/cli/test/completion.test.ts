import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isFullCampaign, run, until } from '@iapeer/dev/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Home, homes, MAIN } from './support.ts'

const newHome = homes()

interface Shell {
  /** Types a text, then Tab twice; returns the screen, without the line that was typed before. */
  readonly complete: (text: string) => Promise<string>
}

/** Starts an interactive shell in a pane, with `iapeer` on the PATH and without any file that a person or a package has written. */
async function shellIn(home: Home, command: string, load: string): Promise<Shell> {
  const bin = join(home.path, 'bin')
  mkdirSync(bin)
  const launcher = join(bin, 'iapeer')
  writeFileSync(launcher, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`)
  chmodSync(launcher, 0o755)
  const pane = await home.server('shell')
  const words = [
    `HOME='${home.path}'`,
    `IAPEER_ROOT='${home.root}'`,
    `PATH='${bin}':/usr/bin:/bin`,
    "PS1='>'",
    'TERM=screen',
  ]
  await pane.tmux('resize-window', '-t', 'main', '-x', '100', '-y', '40')
  await pane.tmux(
    'respawn-pane',
    '-k',
    '-t',
    'main',
    '-c',
    home.path,
    `exec env -i ${words.join(' ')} ${command}`,
  )
  const screen = async () => (await pane.tmux('capture-pane', '-p', '-t', 'main')).stdout.trimEnd()
  const keys = (...names: string[]) => pane.tmux('send-keys', '-t', 'main', ...names)
  await until('the prompt', async () => (await screen()).includes('>'))
  await keys('-l', load)
  await keys('Enter')
  await keys('-l', 'echo loa""ded')
  await keys('Enter')
  await until('the script', async () => (await screen()).includes('\nloaded'), 20_000)
  /** Waits until the screen has not changed for half a second after a completion. */
  const settled = async (): Promise<string> => {
    let [last, since] = [await screen(), performance.now()]
    await until('the completion', async () => {
      const now = await screen()
      if (now !== last) [last, since] = [now, performance.now()]
      return performance.now() - since > 1_500
    })
    return last
  }
  return {
    complete: async (text) => {
      // Keys that arrive while a completion runs are lost.
      await until('an empty screen', async () => {
        await keys('C-c')
        await keys('C-l')
        await new Promise((resolve) => setTimeout(resolve, 200))
        return /^>$/.test(await screen())
      })
      await keys('-l', text)
      await keys('Tab')
      await settled()
      await keys('Tab')
      return settled()
    },
  }
}

let home: Home
beforeEach(async () => {
  home = newHome()
  for (const name of ['ben', 'bob', 'zoe']) await home.iapeer('create', name, '--', 'sleep', '1000')
})

describe.runIf(existsSync('/bin/bash'))('bash without the package bash-completion', () => {
  it.runIf(isFullCampaign())(
    'completes commands, peers, options and paths, and prints no error',
    async () => {
      const shell = await shellIn(home, '/bin/bash --norc --noprofile -i', 'eval "$(iapeer completion bash)"')
      expect(await shell.complete('type _get_comp_words_by_re')).toBe('>type _get_comp_words_by_re')
      expect(await shell.complete('iapeer autop')).toBe('>iapeer autopsy')
      expect(await shell.complete('iapeer show b')).toMatch(/^>iapeer show b\nben +bob\n>iapeer show b$/)
      expect(await shell.complete('iapeer show z')).toBe('>iapeer show zoe')
      expect(await shell.complete('iapeer start  z')).toBe('>iapeer start  zoe')
      expect(await shell.complete('iapeer deaths --peer z')).toBe('>iapeer deaths --peer zoe')
      // bash splits words at "=" and ":".
      expect(await shell.complete('iapeer deaths --peer=z')).toBe('>iapeer deaths --peer=zoe')
      expect(await shell.complete('iapeer create x --from-pane default:%3 --ho')).toBe(
        '>iapeer create x --from-pane default:%3 --home',
      )
      expect(await shell.complete('iapeer daemon resta')).toBe('>iapeer daemon restart')
      expect(await shell.complete('iapeer completion ')).toMatch(/\nbash +fish +zsh\n/)
      expect(await shell.complete('iapeer init ./bi')).toBe('>iapeer init ./bin/iapeer')
      expect(await shell.complete('iapeer show nobo')).toBe('>iapeer show nobo')
      expect(await shell.complete("iapeer show '$(touch hacked)")).not.toContain('error')
      expect(existsSync(join(home.path, 'hacked'))).toBe(false)
    },
    120_000,
  )

  it.runIf(isFullCampaign())(
    'can be loaded twice, and also under set -u',
    async () => {
      const load = 'set -u; eval "$(iapeer completion bash)"; eval "$(iapeer completion bash)"'
      const shell = await shellIn(home, '/bin/bash --norc --noprofile -i', load)
      expect(await shell.complete('iapeer show z')).toBe('>iapeer show zoe')
      expect(await shell.complete('iapeer unwatc')).toBe('>iapeer unwatch')
    },
    60_000,
  )
})

describe.runIf(existsSync('/usr/bin/zsh') || existsSync('/bin/zsh'))('zsh', () => {
  it('completes commands and peers', async () => {
    const load = 'autoload -U compinit; compinit -u; source <(iapeer completion zsh)'
    const shell = await shellIn(home, 'zsh -f -i', load)
    expect(await shell.complete('iapeer autop')).toMatch(/^>iapeer autopsy\s*$/)
    expect(await shell.complete('iapeer show z')).toMatch(/^>iapeer show zoe\s*$/)
  }, 60_000)
})

describe.runIf(existsSync('/usr/bin/fish'))('fish', () => {
  it('completes commands and peers', async () => {
    const load = 'function fish_prompt; echo -n ">"; end; iapeer completion fish | source'
    const shell = await shellIn(home, 'fish --no-config', load)
    expect(await shell.complete('iapeer autop')).toMatch(/^>iapeer autopsy\s*$/)
    expect(await shell.complete('iapeer show z')).toMatch(/^>iapeer show zoe\s*$/)
  }, 60_000)
})

describe('iapeer completion', () => {
  it.each(['bash', 'zsh', 'fish'])(
    'the script of %s is valid for its shell, and says where it belongs',
    async (shell) => {
      const { stdout, exitCode, stderr } = await home.iapeer('completion', shell)
      expect([exitCode, stderr]).toEqual([0, ''])
      expect(stdout).toMatch(new RegExp(`^# ${shell} completion for iapeer`, 'm'))
      if (shell !== 'bash') return
      const file = join(home.path, 'script')
      writeFileSync(file, stdout)
      expect(await run('/bin/bash', ['-n', file])).toMatchObject({ exitCode: 0, stderr: '' })
    },
  )

  it('--help says where the script of each shell belongs, and offers no other shell', async () => {
    const { stdout } = await home.iapeer('completion', '--help')
    for (const path of [
      '~/.local/share/bash-completion/completions/iapeer',
      '~/.zfunc/_iapeer',
      'fish/completions/iapeer.fish',
    ])
      expect(stdout).toContain(path)
    expect(stdout).not.toContain('powershell')
    expect((await home.iapeer('complete', '--', 'completion', '')).stdout).not.toContain('powershell')
  })

  it.each(['foo', 'powershell', ''])(
    'another shell (%j) is an error in the form of every other error',
    async (shell) => {
      const done = await home.iapeer('completion', shell)
      expect(done).toMatchObject({ exitCode: 2, stdout: '' })
      expect(done.stderr).toMatch(
        /^iapeer: .* is invalid for argument 'shell'\. Allowed choices are bash, zsh, fish\.\n {2}Usage: iapeer completion .*\n {2}iapeer completion --help explains it\.\n$/,
      )
    },
  )

  it('without a shell it prints the usage', async () => {
    const done = await home.iapeer('completion')
    expect(done.exitCode).toBe(2)
    expect(done.stderr).toMatch(/^iapeer: missing required argument 'shell'\n {2}Usage: iapeer completion/)
  })
})
