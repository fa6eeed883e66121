import { setTimeout as sleep } from 'node:timers/promises'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { observeProcess, type ProcessId } from '@iapeer/core/process'
import type { TmuxServer } from '@iapeer/tmux'
import type { AgentReport, RuntimeAdapter, ScreenReader, ScreenReading } from '../../runtimes/index.ts'
import { lastLines, type PaneLog } from './first-moments.ts'

/** The pane of a program that is talked to at its terminal. */
export interface Pane {
  readonly identity: Identity
  readonly adapter: RuntimeAdapter
  readonly handle: TmuxServer
  readonly paneId: string
  readonly leader: ProcessId | undefined
  readonly paneLog: PaneLog
  /** Ends the boot when it is aborted. */
  readonly signal?: AbortSignal | undefined
  /** By the clock of `performance.now()`. */
  readonly deadline: number
}

/** One look at a pane. */
export interface ScreenState {
  /** What it shows. */
  readonly screen: string
  readonly reading: ScreenReading
  /** What its program says of itself. */
  readonly report: AgentReport | undefined
}

/** What came of watching a pane. */
export interface Watched<T> {
  /** Undefined: its deadline has come first. */
  readonly answer: T | undefined
  /** What it showed last; undefined where it could not be read at all. */
  readonly screen: string | undefined
}

const LOOK_MS = 120
const NOTHING_TO_READ: ScreenReader = {
  read: () => ({ step: { kind: 'unknown' }, input: undefined }),
  draft: () => '',
}

const readerOf = ({ adapter }: Pane): ScreenReader => adapter.screen ?? NOTHING_TO_READ

/** What it shows; undefined where its server gives no answer. */
async function capture({ handle, paneId }: Pane, escapes = false): Promise<string | undefined> {
  try {
    return await handle.capturePane(paneId, { escapes })
  } catch (error) {
    if (isIapeerError(error) && (error.code === 'tmux-refused' || error.code === 'server-unresponsive'))
      return undefined
    throw error
  }
}

/** What it shows now; empty where its server gives no answer. */
export const screenOf = async (pane: Pane): Promise<string> => (await capture(pane)) ?? ''

/** Undefined where its server gives no answer. @throws IapeerError `program-ended` */
async function look(pane: Pane): Promise<ScreenState | undefined> {
  const { leader, paneLog, identity, adapter } = pane
  if (leader === undefined || (await observeProcess(leader)) === 'gone') {
    const said = await lastLines(paneLog.path, paneLog.from)
    throw new IapeerError(`its program ended${said === '' ? '' : `. It said:\n${said}`}`, {
      code: 'program-ended',
      hint: `How it ended: iapeer autopsy ${identity}`,
    })
  }
  const screen = await capture(pane)
  if (screen === undefined) return undefined
  return { screen, reading: readerOf(pane).read(screen), report: await adapter.report?.(leader) }
}

/**
 * Looks at a pane again and again until `judge` has an answer, or its deadline has come.
 * @throws IapeerError `program-ended`; `interrupted` when its signal is aborted
 */
export async function watchPane<T>(
  pane: Pane,
  judge: (state: ScreenState) => T | undefined | Promise<T | undefined>,
): Promise<Watched<T>> {
  let screen: string | undefined
  for (;;) {
    const state = await look(pane)
    screen = state?.screen ?? screen
    const answer = state === undefined ? undefined : await judge(state)
    if (answer !== undefined) return { answer, screen }
    if (pane.signal?.aborted === true)
      throw new IapeerError('it was called off', {
        code: 'interrupted',
        hint: 'Nothing of it is left; start it again when it suits.',
      })
    if (performance.now() >= pane.deadline) return { answer: undefined, screen }
    await sleep(LOOK_MS)
  }
}

/** Keys reach no program while its pane is in a mode of tmux's own (scrolling, a message). */
async function leaveMode({ handle, paneId }: Pane): Promise<void> {
  const pane = (await handle.panes()).find((one) => one.id === paneId)
  if (pane?.inMode === true) await handle.run(['send-keys', '-X', '-t', paneId, 'cancel'])
}

export async function press(pane: Pane, key: string): Promise<void> {
  await leaveMode(pane)
  await pane.handle.sendKeys(pane.paneId, [{ key }])
}

export async function pasteInto(pane: Pane, text: string): Promise<void> {
  await leaveMode(pane)
  await pane.handle.paste(pane.paneId, text)
}

/** The text that a person has typed into the input row and not sent; empty where there is none. */
export async function draftIn(pane: Pane): Promise<string> {
  return readerOf(pane).draft((await capture(pane, true)) ?? '')
}

/** Whether a person is attached; a server that does not answer counts as that, since it cannot be told. */
export async function isAttached(handle: TmuxServer): Promise<boolean> {
  const answer = await handle.run(['list-clients', '-F', '#{client_pid}'])
  return answer.exitCode !== 0 || answer.stdout.trim() !== ''
}
