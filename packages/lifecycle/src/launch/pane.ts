import { setTimeout as sleep } from 'node:timers/promises'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { observeProcess, type ProcessId } from '@iapeer/core/process'
import type { TmuxServer } from '@iapeer/tmux'
import type { RuntimeAdapter } from '../runtimes/runtime.ts'
import { lastLines, type PaneLog } from './first-moments.ts'

/** The pane of a program that is talked to by its screen. */
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

const LOOK_MS = 120
const LAST_ROWS = 15

/** The last lines that a screen shows. */
export const tailOf = (screen: string): string =>
  screen
    .split('\n')
    .map((row) => row.trimEnd())
    .filter((row) => row !== '')
    .slice(-LAST_ROWS)
    .join('\n')

/** What the pane shows; undefined where its server gives no answer. @throws IapeerError `program-ended` */
async function look({ leader, handle, paneId, paneLog, identity }: Pane): Promise<string | undefined> {
  if (leader === undefined || (await observeProcess(leader)) === 'gone') {
    const said = await lastLines(paneLog.path, paneLog.from)
    throw new IapeerError(`its program ended${said === '' ? '' : `. It said:\n${said}`}`, {
      code: 'program-ended',
      hint: `How it ended: iapeer autopsy ${identity}`,
    })
  }
  try {
    return await handle.capturePane(paneId)
  } catch (error) {
    if (isIapeerError(error) && (error.code === 'tmux-refused' || error.code === 'tmux-timeout'))
      return undefined
    throw error
  }
}

/**
 * Looks at a pane again and again until `judge` has an answer.
 * @param step what is waited for, for the error
 * @throws IapeerError `boot-not-ready` with what the pane shows, when its deadline has come; `program-ended`
 */
export async function watchPane<T>(
  pane: Pane,
  step: string | (() => string),
  judge: (screen: string) => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const started = performance.now()
  let shown: string | undefined
  for (;;) {
    const screen = await look(pane)
    shown = screen ?? shown
    const answer = screen === undefined ? undefined : await judge(screen)
    if (answer !== undefined) return answer
    if (pane.signal?.aborted === true)
      throw new IapeerError('it was called off', {
        code: 'interrupted',
        hint: 'Nothing of it is left; start it again when it suits.',
      })
    if (performance.now() >= pane.deadline) break
    await sleep(LOOK_MS)
  }
  const what = typeof step === 'string' ? step : step()
  const waited = ((performance.now() - started) / 1000).toFixed(1)
  throw new IapeerError(
    `${what}, ${waited} s were not enough. ${shown === undefined ? 'Its pane could not be read.' : `It shows:\n${tailOf(shown)}`}`,
    {
      code: 'boot-not-ready',
      hint: 'Start the program yourself in a terminal, in the same folder, and see what it waits for.',
    },
  )
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
