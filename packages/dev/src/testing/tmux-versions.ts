import { chmodSync, copyFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { run } from './run.ts'

/** The programs of a tmux server and of a client that the server refuses. */
export interface TmuxPair {
  /** The program to start a server with; a test runs a copy of it. */
  readonly server: string
  /** The program that this server refuses. */
  readonly client: string
  /** False if only one tmux is installed and `client` is a script that answers like a refused client. */
  readonly isReal: boolean
}

/** Returns the absolute paths of the tmux on the PATH and of those in IAPEER_TEST_TMUX (programs, separated as in PATH). */
async function programs(): Promise<string[]> {
  const found = (await run('sh', ['-c', 'command -v tmux'])).stdout.trim()
  return [found, ...(process.env['IAPEER_TEST_TMUX'] ?? '').split(delimiter)].filter((path) => path !== '')
}

async function versionOf(program: string): Promise<number> {
  const [, major, minor] = /(\d+)\.(\d+)/.exec((await run(program, ['-V'])).stdout) ?? []
  return Number(major) * 100 + Number(minor)
}

/** The version (3.6) that changed how messages carry descriptors. */
const NEW_MESSAGES = 306

async function realPair(server: 'old' | 'new'): Promise<TmuxPair | undefined> {
  const all = await Promise.all(
    (await programs()).map(async (path) => ({ path, isNew: (await versionOf(path)) >= NEW_MESSAGES })),
  )
  const old = all.find(({ isNew }) => !isNew)?.path
  const next = all.find(({ isNew }) => isNew)?.path
  if (old === undefined || next === undefined) return undefined
  return server === 'new'
    ? { server: next, client: old, isReal: true }
    : { server: old, client: next, isReal: true }
}

function script(directory: string, name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o700 })
  return path
}

/** Returns a server that refuses every command of the client: 3.6 and later refuses 3.5 and earlier. */
export async function refusingPair(directory: string): Promise<TmuxPair> {
  const [server = 'tmux'] = await programs()
  const refusal = 'echo "server exited unexpectedly" >&2; exit 1'
  return (
    (await realPair('new')) ?? { server, client: script(directory, 'refused-tmux', refusal), isReal: false }
  )
}

/** Returns a server that runs commands of the client but refuses to attach it: 3.5 and earlier with a client of 3.6. */
export async function terminalRefusingPair(directory: string): Promise<TmuxPair> {
  const [server = 'tmux'] = await programs()
  const refusal = `case " $* " in *" attach-session "*) echo "open terminal failed: not a terminal" >&2; exit 1 ;; esac
exec ${server} "$@"`
  return (
    (await realPair('old')) ?? { server, client: script(directory, 'refused-tmux', refusal), isReal: false }
  )
}

/** Copies a program, so that a test can replace or delete the file of a running server. */
export function copyProgram(program: string, path: string): string {
  copyFileSync(program, path)
  chmodSync(path, 0o700)
  return path
}
