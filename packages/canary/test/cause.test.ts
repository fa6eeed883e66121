import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { run } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { presentShells } from './by-shell.ts'

const path = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url))

interface Cause {
  readonly cause: string
  readonly mode: string
  readonly status?: string
  readonly witnessed?: boolean
  readonly signal?: 'fault' | 'other'
  readonly claim?: string
  readonly event?: string
}
interface Signal {
  readonly name: string
  readonly linux?: number
  readonly darwin?: number
  readonly fault?: boolean
}
const table: { causes: Cause[]; formerCauses: { cause: string; system: string }[]; signals: Signal[] } =
  JSON.parse(readFileSync(path('causes.json'), 'utf8'))

const STATUSES = [
  ...Array.from({ length: 256 }, (_, status) => String(status)),
  'unknown',
  'lost',
  'boot',
  '',
]

/** Returns the result of the shell for every status: `<cause> <signal> <mode>`. */
async function decided(
  shell: readonly string[],
  mode: string,
  platform: string,
  system = '',
): Promise<string[]> {
  const script = `. "$IAPEER_LIB/logfmt.sh"; . "$IAPEER_LIB/cause-witness.sh"; WITNESS=/nonexistent; PLATFORM=${platform}
    for each in ${STATUSES.map((status) => `'${status}'`).join(' ')}; do
      MODE=${mode}; cause_decide "$each" '${system}'; out "$CAUSE $SIGNAL $MODE"
    done`
  const [file = '', ...args] = shell
  const result = await run(file, [...args, '-c', script], {
    env: { ...process.env, IAPEER_LIB: path('assets') },
  })
  if (result.stderr !== '') throw new Error(result.stderr)
  return result.stdout.trimEnd().split('\n')
}

const signalOf = (number: number, platform: string): Signal | undefined =>
  table.signals.find((one) => (platform === 'darwin' ? one.darwin : one.linux) === number)

const holds = (range: string, status: number): boolean => {
  const [from, to] = range.split('..').map(Number)
  return from !== undefined && status >= from && status <= (to ?? from)
}

/** Returns the same from causes.json. */
function expected(mode: string, platform: string, status: string): string {
  const of = (test: (one: Cause) => boolean): Cause | undefined =>
    table.causes.find((one) => one.event === undefined && test(one))
  const claimed = of((one) => one.claim === status)
  if (claimed !== undefined) return `${claimed.cause}  ${claimed.mode === 'any' ? mode : claimed.mode}`
  const ranges = (one: Cause): string[] => one.status?.split(', ') ?? []
  const plain = of(
    (one) =>
      one.mode === mode &&
      one.witnessed !== true &&
      ranges(one).some((range) => (status === 'unknown' ? range === status : holds(range, Number(status)))),
  )
  if (plain !== undefined) return `${plain.cause}  ${mode}`
  const number = Number(status) - 128
  const signal = signalOf(number, platform)
  const kind = signal?.fault === true ? 'fault' : 'other'
  return `${of((one) => one.mode === mode && one.signal === kind)?.cause} ${signal?.name ?? `SIG${number}`} ${mode}`
}

describe.each(presentShells.map((shell): [string, readonly string[]] => [shell.join(' '), shell]))(
  'under %s',
  (_name, shell) => {
    it.each([
      ['guard', 'linux'],
      ['guard', 'darwin'],
      ['watch', 'linux'],
    ])('every status in mode %s on %s has the cause that causes.json gives it', async (mode, platform) => {
      expect(await decided(shell, mode, platform)).toEqual(
        STATUSES.map((status) => expected(mode, platform, status)),
      )
    })
  },
)

it('the answer of systemd in a claim of format 1 outranks every cause but a crash', async () => {
  for (const { cause, system } of table.formerCauses) {
    const results = await decided(['/bin/sh'], 'guard', 'linux', system)
    const crashed = STATUSES.filter((status) => expected('guard', 'linux', status).startsWith('crashed '))
    expect(crashed.length).toBeGreaterThan(0)
    results.forEach((line, at) => {
      const status = STATUSES[at] ?? ''
      expect([status, line.split(' ')[0]]).toEqual([status, crashed.includes(status) ? 'crashed' : cause])
    })
  }
})

it.runIf(process.platform === 'linux' || process.platform === 'darwin')(
  'the numbers of the signals are those of this system',
  () => {
    const platform = process.platform
    const aliases = new Set(['SIGIOT', 'SIGPOLL', 'SIGUNUSED'])
    const named = Object.entries(constants.signals).filter(([name]) => !aliases.has(name))
    for (const [name, number] of named)
      expect([number, signalOf(number, platform)?.name]).toEqual([number, name])
  },
)
