import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { asyncCleanups, privateDirectory, run, startServer, until } from '../src/testing/index.ts'
import { REPOSITORY } from '../src/workspace.ts'

const track = asyncCleanups()
const MODULE = join(REPOSITORY, 'packages', 'dev', 'scripts', 'progress.mjs')

function newDirectory(): string {
  const made = privateDirectory()
  track(made.remove)
  return made.path
}

/** Writes a program that uses progress.mjs. */
function program(directory: string, body: string): string {
  const path = join(directory, 'program.mjs')
  writeFileSync(path, `import * as progress from '${MODULE}'\n${body}\n`)
  return path
}

const STEP = `
const step = progress.startProgress('building')
setTimeout(() => step.count('package 3 of 9, @iapeer/tmux'), 300)
setTimeout(() => step.stop('iapeer is built'), 1500)
`

describe('a long step', () => {
  it('is one moving line on a terminal, with counts and the elapsed time; its result replaces the line', async () => {
    const directory = newDirectory()
    const pane = await startServer(join(directory, 's'))
    track(pane.end)
    const path = program(directory, STEP)
    await pane.tmux('respawn-pane', '-k', '-t', 'main', `'${process.execPath}' '${path}'; exec sleep 1000`)
    const screen = async () => (await pane.tmux('capture-pane', '-p', '-t', 'main')).stdout.trimEnd()
    const seen = new Set<string>()
    await until('the result', async () => {
      const text = await screen()
      seen.add(text)
      return text === 'iapeer is built (1 s)'
    })
    const moving = [...seen].filter((text) =>
      /^[|/\\-] building: package 3 of 9, @iapeer\/tmux, [01] s$/.test(text),
    )
    expect(moving.length).toBeGreaterThan(2)
    expect([...seen].filter((text) => text.includes('\n'))).toEqual([])
  })

  it('is cut to the width of the terminal', async () => {
    const directory = newDirectory()
    const pane = await startServer(join(directory, 's'))
    track(pane.end)
    const path = program(
      directory,
      "const step = progress.startProgress('building'); step.count('x'.repeat(300)); setTimeout(() => step.stop(), 60_000)",
    )
    await pane.tmux('respawn-pane', '-k', '-t', 'main', `'${process.execPath}' '${path}'; exec sleep 1000`)
    const screen = async () => (await pane.tmux('capture-pane', '-p', '-t', 'main')).stdout.trimEnd()
    await until('several frames', async () => /^[|/\\-] building: x+$/.test(await screen()))
    await until('the next frame', async () => /^[\\-] building: x{60,68}$/.test(await screen()))
  })

  it.each([
    ['without a terminal', {}, false],
    ['with TERM=dumb', { TERM: 'dumb' }, true],
    ['with an empty TERM', { TERM: '' }, true],
  ])(
    '%s is a line at the start and one every ten seconds, without control characters',
    async (_name, env, isTTY) => {
      // The intervals are 100 times shorter, the output claims to be a terminal.
      const prelude = `
const real = setInterval
globalThis.setInterval = (act, ms) => real(act, ms / 100)
Object.defineProperty(process.stderr, 'isTTY', { value: ${isTTY} })
`
      const path = program(newDirectory(), `${prelude}${STEP}`)
      const { stderr, stdout } = await run(process.execPath, [path], { env: { ...process.env, ...env } })
      const lines = stderr.trimEnd().split('\n')
      expect(stdout).toBe('')
      expect(lines[0]).toBe('building ...')
      expect(lines.length).toBeGreaterThan(5)
      expect(lines.length).toBeLessThan(20)
      expect(lines.at(-1)).toBe('building: package 3 of 9, @iapeer/tmux, 1 s')
      expect(stderr.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
    },
  )
})

/** Runs an expression over progress.mjs in a program of its own. */
async function value(expression: string): Promise<unknown> {
  const done = await run(process.execPath, [
    program(newDirectory(), `console.log(JSON.stringify(${expression}))`),
  ])
  expect(done).toMatchObject({ exitCode: 0, stderr: '' })
  return JSON.parse(done.stdout)
}

describe('the counts', () => {
  it('of the lockfile are the packages that it lists', async () => {
    const lockfile = join(REPOSITORY, 'pnpm-lock.yaml')
    const listed = /\npackages:\n([\s\S]*?)\nsnapshots:\n/.exec(readFileSync(lockfile, 'utf8'))?.[1] ?? ''
    const count = listed.split('\n').filter((line) => /^ {2}\S/.test(line)).length
    expect(count).toBeGreaterThan(300)
    expect(
      await value(
        `progress.lockedPackages(await import('node:fs').then((fs) => fs.readFileSync('${lockfile}', 'utf8')))`,
      ),
    ).toBe(count)
    expect(await value(`progress.lockedPackages('lockfileVersion: 9\\n')`)).toBe(0)
  })

  it('of an installation leave out packages of other systems; warnings and text are kept for a failure', async () => {
    const lines = [
      '{"name":"pnpm:skipped-optional-dependency","level":"debug"}',
      '{"name":"pnpm:progress","level":"debug","status":"resolved"}',
      '{"name":"pnpm:progress","level":"debug","status":"fetched"}',
      '{"name":"pnpm:progress","level":"debug","status":"found_in_store"}',
      '{"name":"pnpm:progress","level":"debug","status":"imported"}',
      '{"name":"pnpm","level":"error","err":{"message":"the store is broken"}}',
      '{"name":"pnpm","level":"warn","message":"old"}',
      '{ no JSON',
      'Error: no network',
    ]
    expect(
      await value(
        `(() => { const o = progress.installOutput(9); const read = ${JSON.stringify(lines)}.map((l) => o.read(l) ?? null); return [read.slice(2, 5), read[5], o.failure()] })()`,
      ),
    ).toEqual([
      [
        '1 of 8 packages fetched, 0 installed',
        '2 of 8 packages fetched, 0 installed',
        '2 of 8 packages fetched, 1 installed',
      ],
      null,
      'the store is broken\nold\n{ no JSON\nError: no network',
    ])
  })

  it('of a build are its packages; the output of a failure is that of the package that failed', async () => {
    const lines = [
      '@iapeer/core:build: cache miss, executing 12ab',
      '@iapeer/core:build: ESM dist/index.js',
      '@iapeer/tmux:build: cache hit, replaying logs 34cd',
      '@iapeer/tmux:build: error TS2322: wrong',
      ' Tasks:    1 successful, 2 total',
      'Failed:    @iapeer/tmux#build',
    ]
    expect(
      await value(
        `(() => { const o = progress.buildOutput(9); const read = ${JSON.stringify(lines)}.map((l) => o.read(l) ?? null); return [read.filter((r) => r !== null), o.failure()] })()`,
      ),
    ).toEqual([
      ['package 1 of 9, @iapeer/core', 'package 2 of 9, @iapeer/tmux'],
      '@iapeer/tmux:build: cache hit, replaying logs 34cd\n@iapeer/tmux:build: error TS2322: wrong',
    ])
  })
})

describe('npm start', () => {
  /** Runs run.mjs with a stand-in for npx on the PATH. */
  function start(npx: string) {
    const bin = join(newDirectory(), 'bin')
    mkdirSync(bin)
    for (const [name, body] of [
      ['npx', npx],
      ['tmux', ''],
    ] as const) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`)
      chmodSync(join(bin, name), 0o755)
    }
    symlinkSync(process.execPath, join(bin, 'node'))
    return run(process.execPath, [join(REPOSITORY, 'packages', 'dev', 'scripts', 'run.mjs'), 'start'], {
      env: { ...process.env, PATH: bin },
    })
  }

  it('prints why the installation failed, and the command', async () => {
    const error = '{"name":"pnpm","level":"error","err":{"message":"ERR_PNPM_NO_NETWORK"}}'
    const done = await start(`echo '${error}' >&2; exit 1`)
    expect(done).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr:
        'installing dependencies ...\nERR_PNPM_NO_NETWORK\nfailed: pnpm install --frozen-lockfile --reporter=ndjson\n',
    })
  })

  it('prints the output of the package that cannot be built', async () => {
    const done = await start(
      'case "$*" in *install*) exit 0;; esac; echo "@iapeer/core:build: syntax error"; echo "@iapeer/tmux:build: fine"; echo "Failed:    @iapeer/core#build"; exit 1',
    )
    expect(done.exitCode).toBe(1)
    expect(done.stderr).toMatch(
      /^installing dependencies \.\.\.\nbuilding \.\.\.\n@iapeer\/core:build: syntax error\nfailed: pnpm exec turbo run build/,
    )
  })
})
