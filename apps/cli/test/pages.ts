import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '@iapeer/dev/testing'
import type { Home } from './support.ts'
import { MAIN } from './support.ts'

/** A command of a page and the output that the page prints below it. */
export interface Step {
  readonly command: string
  readonly output: readonly string[]
}

/** What a page asks its reader to do, in order: save a file, or run commands. */
export type Block =
  | { readonly kind: 'file'; readonly name: string; readonly text: string }
  | { readonly kind: 'steps'; readonly steps: readonly Step[] }

/** Returns the commands of a console block; a line that begins with `$ ` is one. */
function stepsOf(text: string): Step[] {
  const steps: { command: string; output: string[] }[] = []
  for (const line of text.trimEnd().split('\n'))
    if (line.startsWith('$ ')) steps.push({ command: line.slice(2), output: [] })
    else steps.at(-1)?.output.push(line)
  return steps
}

/** Returns the blocks of a page that run: `console run`, and `sh file=NAME`, which is saved. */
export const runnableBlocks = (page: string): Block[] =>
  [...page.matchAll(/^```(console run|sh file=(\S+))\n([\s\S]*?)^```$/gm)].map(([, , name, text = '']) =>
    name === undefined ? { kind: 'steps', steps: stepsOf(text) } : { kind: 'file', name, text },
  )

/** Numbers of three digits and more, and ids of messages: a run has its own, and later commands of a page use them. */
const VALUE = /\bm_[a-z2-7]{16}\b|\b\d{3,}\b/g
/** What differs from run to run beside them: ages, dates, ids of deaths, the width of columns. */
const VARIES = /\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b|\d+/g
const ANY = '…'

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
const constant = (text: string): string =>
  text
    .replace(/\bm_[a-z2-7]{16}\b/g, 'm_#')
    .replace(VARIES, '#')
    .replace(/\s+/g, ' ')
    .trim()

/** Returns the lines of an output, matched against those of the page; `…` alone in a line stands for any lines. */
export function matches(expected: readonly string[], actual: string): boolean {
  const lines = expected.map((line) =>
    line.trim() === ANY ? '(?:.*\\n)*?' : `${constant(line).split(ANY).map(escaped).join('.*')}\\n`,
  )
  const text = actual.split('\n').map(constant)
  return new RegExp(`^${lines.join('')}$`).test(actual === '' ? '' : `${text.slice(0, -1).join('\n')}\n`)
}

/** Returns which value of the page stands for which of the run, from the lines that have as many of them. */
function valuesOf(expected: readonly string[], actual: string): [string, string][] {
  const lines = actual.split('\n')
  return expected.flatMap((line) => {
    const own = line.match(VALUE) ?? []
    const pattern = new RegExp(`^${constant(line).split(ANY).map(escaped).join('.*')}$`)
    const found = lines.find((one) => pattern.test(constant(one)))?.match(VALUE) ?? []
    return own.length === found.length
      ? own.map((value, at): [string, string] => [value, found[at] ?? value])
      : []
  })
}

/** Commands that change nothing: they are run again until they print what the page says, as a reader would. */
const LOOKS = /^iapeer (?:deaths|list|events|outbox|autopsy|show)\b/
/** Restarts after a mass death wait for the cause of it, at most this long. In milliseconds. */
const LOOK_MS = 30_000

/** The reader of a page is the operator, at a terminal; a test has none, so it says so. */
const SHIM = `#!/bin/sh
case $1,\${IAPEER_BEARER:+session} in
  send, | inbox, | outbox, | hold, | unhold,) command=$1; shift; exec '${process.execPath}' '${MAIN}' "$command" --as operator "$@" ;;
esac
exec '${process.execPath}' '${MAIN}' "$@"
`

/** Starts a shell in a directory of its own with `iapeer` on its PATH. */
function shellOf(home: Home) {
  const [bin, cwd] = [join(home.path, 'bin'), join(home.path, 'work')]
  for (const directory of [bin, cwd]) mkdirSync(directory, { recursive: true })
  writeFileSync(join(bin, 'iapeer'), SHIM, { mode: 0o755 })
  const env = {
    ...home.env,
    HOME: home.path,
    PATH: `${bin}:${process.env['PATH']}`,
    IAPEER_DAEMON_AUTOSTART: 'on',
    IAPEER_BEARER: '',
    PEER_IDENTITY: '',
  }
  const shell = spawn('bash', [], { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] })
  let text = ''
  shell.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const END = /^@end (\d+)@\n/m
  const run = async (command: string): Promise<{ code: number; output: string }> => {
    text = ''
    shell.stdin.write(`{ ${command}\n} 2>&1; printf '@end %s@\\n' $?\n`)
    await until(`the end of: ${command}`, () => END.test(text))
    const [end, code] = END.exec(text) ?? []
    return { code: Number(code), output: text.slice(0, text.indexOf(end ?? '')) }
  }
  return { cwd, run, end: () => shell.stdin.end() }
}

/** Does what a page says. @returns each command whose exit code is not 0, or whose output is not that of the page */
export async function followPage(page: string, home: Home): Promise<object[]> {
  const shell = shellOf(home)
  const values = new Map<string, string>()
  const faults: object[] = []
  try {
    for (const block of runnableBlocks(page)) {
      if (block.kind === 'file') writeFileSync(join(shell.cwd, block.name), block.text)
      else
        for (const { command: written, output: expected } of block.steps) {
          const command = written.replace(VALUE, (value) => values.get(value) ?? value)
          let done = await shell.run(command)
          const end = performance.now() + LOOK_MS
          while (!matches(expected, done.output) && LOOKS.test(command) && performance.now() < end)
            done = await shell.run(command)
          if (done.code !== 0 || !matches(expected, done.output))
            faults.push({ command, ...done, expected: expected.join('\n') })
          for (const [value, own] of valuesOf(expected, done.output)) values.set(value, own)
        }
    }
  } finally {
    shell.end()
  }
  return faults
}
