import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { assets, presentShells, type Shell } from './by-shell.ts'
import { roots } from './support.ts'

const newRoot = roots()

const BLANK = `\n${' '.repeat(120)}\n`
const NOTE = '0a1b2c3d 12345.6 1781106127'
const REAL = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]

/** Returns when this boot began, as a recorder finds it at the uptime 12345.67. @param file the one that recorders share */
async function foundWith(shell: Shell, file: string): Promise<string> {
  const script = `. "$A/codes.sh"; . "$A/logfmt.sh"; . "$A/clock.sh"
    CLOCK_FILE=$1 CLOCK_BOOT=0a1b2c3d
    clock_read_uptime() { clock_read_uptime_text=12345.67; }
    clock_find_boot && echo "$BOOTED_S$OUT_FAILED"`
  const [command, ...args] = shell
  const done = await run(command, [...args, '-c', script, 'sh', file], {
    env: { ...process.env, A: assets },
  })
  expect(done.stderr).toBe('')
  return done.stdout.trim()
}

/** Returns the same with a file of this text, and what it contains then. */
async function found(shell: Shell, text: string | undefined): Promise<[string, string | undefined]> {
  const file = join(newRoot().path, 'clock')
  if (text !== undefined) writeFileSync(file, text)
  const boot = await foundWith(shell, file)
  let kept: string | undefined
  try {
    kept = readFileSync(file, 'utf8')
    rmSync(file)
  } catch {
    // It did not exist, and was not made.
  }
  return [boot, kept]
}

describe.each(presentShells.map((shell): [string, Shell] => [shell.join(' '), shell]))(
  'the beginning of this boot, under %s',
  (_name, shell) => {
    it('is what another recorder found in this tenth of a second', async () => {
      const text = `${NOTE} ${NOTE}\n the rest of an earlier line`
      expect(await found(shell, text)).toEqual(['1781106127', text])
    })

    it.each([
      ['new', BLANK],
      ['of an earlier tenth', `${NOTE} ${NOTE}\n`.replaceAll('45.6', '45.5')],
      ['of another boot', `${NOTE} ${NOTE}\n`.replaceAll('0a1b2c3d', '0a1b2c3e')],
      ['half replaced', `${NOTE} ${NOTE.replace('127', '128')}\n`],
      ['half replaced in a number', `${NOTE.replace('127', '128')} ${NOTE}\n`],
      ['cut', `${NOTE} ${NOTE.slice(0, -1)}`],
      ['longer', `${NOTE} ${NOTE} ${NOTE}\n`],
      ['that is something else', 'x * $(y)\n'],
    ])('is read from the kernel with a file %s, and noted in place', async (_what, text) => {
      const [boot, kept = ''] = await found(shell, text)
      expect(boot).toBe(REAL)
      const note = `0a1b2c3d 12345.6 ${REAL} 0a1b2c3d 12345.6 ${REAL}\n`
      expect(kept).toBe(note + text.slice(note.length))
    })

    it('is read from the kernel with a pipe in place of the file', async () => {
      const path = join(newRoot().path, 'pipe')
      await run('mkfifo', [path])
      expect(await foundWith(shell, path)).toBe(REAL)
    })

    it('is read from the kernel with a file that cannot be written: nothing is missing from a record', async () => {
      const path = join(newRoot().path, 'link')
      symlinkSync('/proc/self/limits', path)
      expect(await foundWith(shell, path)).toBe(REAL)
    })

    it('is read from the kernel without a file, and makes none', async () => {
      expect(await found(shell, undefined)).toEqual([REAL, undefined])
    })
  },
)
