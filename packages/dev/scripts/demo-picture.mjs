// Writes docs/images/demo.svg: what `iapeer demo` prints in a real terminal, a pane of a private tmux server. The command must be
// built. --out <file> sets another file.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { terminalPicture } from '../site/terminal-picture.mjs'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const { values } = parseArgs({ options: { out: { type: 'string' } } })
const out = values.out ?? join(root, 'docs', 'images', 'demo.svg')

const LIMIT_MS = 60_000
const [COLUMNS, ROWS] = [80, 40]

/** Directories of the run are not the reader's. */
const withoutPaths = (text) => text.replace(/\/\S*iapeer-demo-\w+/g, '…')

const directory = mkdtempSync(join(tmpdir(), 'iapeer-picture-'))
const socket = join(directory, 'tmux')
const tmux = async (...args) =>
  (await promisify(execFile)('tmux', ['-S', socket, '-f', '/dev/null', ...args], { timeout: LIMIT_MS }))
    .stdout

/** Runs the demo in a pane that stays after it. @returns the screen */
async function runDemo() {
  const main = join(root, 'apps', 'cli', 'dist', 'main.js')
  const variables = [`IAPEER_ROOT=${join(directory, 'root')}`, `HOME=${directory}`, 'LC_ALL=C.UTF-8']
  const words = ['env', '-u', 'NO_COLOR', '-u', 'TMUX', ...variables]
  const size = ['-x', String(COLUMNS), '-y', String(ROWS)]
  await tmux('new-session', '-d', ...size, 'sleep 1000')
  await tmux('set-option', '-g', 'remain-on-exit', 'on')
  await tmux('set-hook', '-g', 'pane-died', `run-shell -b "tmux -S '${socket}' wait-for -S demo-over"`)
  await tmux('respawn-pane', '-k', ...words, process.execPath, main, 'demo')
  await tmux('wait-for', 'demo-over')
  return tmux('capture-pane', '-e', '-p', '-S', '-')
}

try {
  const screen = (await runDemo()).replace(/\n[^\n]*Pane is dead[^\n]*\n*$/, '').trimEnd()
  mkdirSync(dirname(out), { recursive: true })
  const picture = terminalPicture(
    `$ iapeer demo\n${withoutPaths(screen)}`,
    'The output of iapeer demo: two killed tmux servers with their causes, and one that was stopped on purpose',
  )
  writeFileSync(out, picture)
  process.stdout.write(`${out} is written\n`)
} finally {
  await tmux('kill-server').catch((error) => {
    if (!/no server running|error connecting/.test(String(error.stderr))) throw error
  })
  rmSync(directory, { recursive: true, force: true })
}
