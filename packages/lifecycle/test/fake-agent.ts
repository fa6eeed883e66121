import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type PeerEntry, updatePeer } from '@iapeer/core/registry'
import { TmuxServer } from '@iapeer/tmux'
import type { PeerSession } from '../src/index.ts'
import type { TestRoot } from './support.ts'

const SCRIPT = fileURLToPath(new URL('fixtures/fake-agent.mjs', import.meta.url))

/** A menu that a fake agent shows. */
export interface FakeMenu {
  readonly menu: {
    readonly title: string
    readonly options: readonly string[]
    readonly at?: number
    readonly numbered?: boolean
  }
}

/** A screen that a fake agent shows; see `fixtures/fake-agent.mjs`. */
export type FakeStep =
  | FakeMenu
  | { readonly unknown: { readonly lines: readonly string[]; readonly key: string } }
  | { readonly sleepMs: number }
  | { readonly exit: number }
  | { readonly input: { readonly eats?: number; readonly drops?: boolean; readonly text?: string } }

export const TRUST: FakeMenu = {
  menu: { title: 'Quick safety check', options: ['No, exit', 'Yes, I trust this folder'] },
}
export const BYPASS: FakeMenu = { menu: { title: 'WARNING', options: ['No, exit', 'Yes, I accept'] } }
/** A dialog that iapeer does not know; the key `y` closes it. */
export const UNKNOWN: FakeStep = { unknown: { lines: ['The moon is full.', 'Howl? (y)'], key: 'y' } }
export const READY: FakeStep = { input: {} }

/** A peer whose program is the fake agent. */
export interface FakeAgent {
  readonly entry: PeerEntry
  /** Returns the keys and messages that the agent received, one per line. */
  readonly given: () => readonly string[]
}

/** Creates a peer of the runtime `claude` whose program is the fake agent. */
export async function fakeAgent(
  root: TestRoot,
  steps: readonly FakeStep[],
  message?: string,
): Promise<FakeAgent> {
  const log = join(root.path, 'given')
  const script = join(root.path, 'agent.sh')
  const shown = join(root.path, 'steps.json')
  writeFileSync(shown, JSON.stringify(steps))
  // The wrapper drops the options of the launch, which the fake agent does not know.
  writeFileSync(script, `exec '${process.execPath}' '${SCRIPT}' '${log}' "$(cat '${shown}')"\n`)
  const entry = await root.peer(['/bin/sh', script], 'bob', 'claude')
  await updatePeer(root.root, 'bob', { initialPrompt: message ?? null })
  const given = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [])
  return { entry, given }
}

/** Presses keys as an attached person does. */
export async function pressKeys(
  { socketPath, server, paneId }: PeerSession,
  ...keys: string[]
): Promise<void> {
  const handle = new TmuxServer({ socketPath, process: server })
  await handle.sendKeys(
    paneId,
    keys.map((key) => (key.length === 1 ? { text: key } : { key })),
  )
}
