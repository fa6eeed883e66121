import { setTimeout as sleep } from 'node:timers/promises'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { observeProcess, type ProcessId } from '@iapeer/core/process'
import type { TmuxServer } from '@iapeer/tmux'
import type { AgentReport, RuntimeAdapter, ScreenReader, ScreenReading } from '../../runtimes/index.ts'
import { lastLines, type PaneLog } from './first-moments.ts'

/** A pane whose screen is read and whose program gets keys. */
export interface Pane {
  readonly identity: Identity
  readonly adapter: RuntimeAdapter
  readonly handle: TmuxServer
  readonly paneId: string
  readonly leader: ProcessId | undefined
  readonly paneLog: PaneLog
  /** Aborts the boot. */
  readonly signal?: AbortSignal | undefined
  /** A time of the `performance.now()` clock, in milliseconds. */
  readonly deadline: number
}

/** What was read of a pane at one moment. */
export interface ScreenState {
  /** The captured text. */
  readonly screen: string
  readonly reading: ScreenReading
  /** The program's own report of its state. */
  readonly report: AgentReport | undefined
}

/** The result of {@link watchPane}. */
export interface Watched<T> {
  /** Undefined: the deadline passed first. */
  readonly answer: T | undefined
  /** The last captured text; undefined if the screen could never be read. */
  readonly screen: string | undefined
}

const POLL_MS = 120
const NO_READER: ScreenReader = {
  read: () => ({ step: { kind: 'unknown' }, input: undefined }),
  draft: () => '',
}

const readerOf = ({ adapter }: Pane): ScreenReader => adapter.screen ?? NO_READER

/** Returns the screen; undefined if the server does not respond or refuses. */
async function capture({ handle, paneId }: Pane, escapes = false): Promise<string | undefined> {
  try {
    return await handle.capturePane(paneId, { escapes })
  } catch (error) {
    if (isIapeerError(error) && (error.code === 'tmux-refused' || error.code === 'server-unresponsive'))
      return undefined
    throw error
  }
}

/** Returns the current screen; empty if the server does not respond. */
export const screenOf = async (pane: Pane): Promise<string> => (await capture(pane)) ?? ''

/** Reads a pane once; undefined if the server does not respond. @throws IapeerError `program-ended` */
async function readState(pane: Pane): Promise<ScreenState | undefined> {
  const { leader, paneLog, identity, adapter } = pane
  if (leader === undefined || (await observeProcess(leader)) === 'gone') {
    const output = await lastLines(paneLog.path, paneLog.from)
    throw new IapeerError(`its program exited${output === '' ? '' : `. Its output:\n${output}`}`, {
      code: 'program-ended',
      hint: `See why: iapeer autopsy ${identity}`,
    })
  }
  const screen = await capture(pane)
  if (screen === undefined) return undefined
  return { screen, reading: readerOf(pane).read(screen), report: await adapter.report?.(leader) }
}

/**
 * Reads a pane repeatedly until `judge` returns an answer or the deadline passes.
 * @throws IapeerError `program-ended`; `interrupted` if its signal is aborted
 */
export async function watchPane<T>(
  pane: Pane,
  judge: (state: ScreenState) => T | undefined | Promise<T | undefined>,
): Promise<Watched<T>> {
  let screen: string | undefined
  for (;;) {
    const state = await readState(pane)
    screen = state?.screen ?? screen
    const answer = state === undefined ? undefined : await judge(state)
    if (answer !== undefined) return { answer, screen }
    if (pane.signal?.aborted === true)
      throw new IapeerError('the launch was interrupted', {
        code: 'interrupted',
        hint: 'Nothing was left behind. To try again, start the peer.',
      })
    if (performance.now() >= pane.deadline) return { answer: undefined, screen }
    await sleep(POLL_MS)
  }
}

/** Leaves copy mode and other modes of tmux, in which keys do not reach the program. */
async function leaveMode({ handle, paneId }: Pane): Promise<void> {
  const pane = (await handle.panes()).find((one) => one.id === paneId)
  if (pane?.inMode === true) await handle.run(['send-keys', '-X', '-t', paneId, 'cancel'])
}

/** Presses a key, by the name that tmux has for it. */
export async function press(pane: Pane, key: string): Promise<void> {
  await leaveMode(pane)
  await pane.handle.sendKeys(pane.paneId, [{ key }])
}

/** Pastes text as a whole (bracketed paste). */
export async function pasteInto(pane: Pane, text: string): Promise<void> {
  await leaveMode(pane)
  await pane.handle.paste(pane.paneId, text)
}

/** Returns the text in the input row that was typed but not sent; empty if there is none. */
export async function draftIn(pane: Pane): Promise<string> {
  return readerOf(pane).draft((await capture(pane, true)) ?? '')
}

/** Returns whether a client is attached. True also if the server does not respond, because that cannot be ruled out. */
export async function isAttached(handle: TmuxServer): Promise<boolean> {
  const answer = await handle.run(['list-clients', '-F', '#{client_pid}'])
  return answer.exitCode !== 0 || answer.stdout.trim() !== ''
}
