import { setTimeout as sleep } from 'node:timers/promises'
import { isIapeerError } from '@iapeer/core/errors'
import type { Attempt } from '@iapeer/core/mailbox'
import { formatProcessId } from '@iapeer/core/process'
import { TmuxServer } from '@iapeer/tmux'
import { conversationOf, type SessionFacts } from '../../../conversations/claude/index.ts'
import { claudeScreen, readClaudeReport } from '../../../runtimes/index.ts'
import type { Made, MailTarget, NotReady, Offer, Prepared, Way } from '../../way.ts'
import { proveAttempt } from './prove.ts'
import { judgeReadiness } from './readiness.ts'

/** How long a session has to be idle, by its sessions file and its hooks. */
const IDLE_MS = 2_000
/** How long no client has had a key. */
const NO_KEY_MS = 10_000
/** How long the pasted text may take to appear in the input row. */
const SHOWN_MS = 3_000
const POLL_MS = 100
/** How many characters of the text are compared with the input row. */
const HEAD = 24
/** The input row shows several lines of pasted text as `[Pasted text #1 +3 lines]`. */
const PASTED = /^\[Pasted text #\d+/
/** The mode in which nothing is asked: Enter cannot approve anything. */
const NEVER_ASKS = /bypass permissions on/
const STASHED = /stash/i

const handleOf = ({ session }: MailTarget): TmuxServer =>
  new TmuxServer({ socketPath: session.socketPath, process: session.server })

/** Returns whether the session has been idle for a while. */
function isQuiet({ report, events }: SessionFacts, now: number): boolean {
  const last = events.at(-1)?.atMs ?? 0
  return report?.status === 'idle' && now - (report.sinceMs ?? now) >= IDLE_MS && now - last >= IDLE_MS
}

/** Returns whether a key of any client reached the server a short time ago. */
async function hasKeys(handle: TmuxServer): Promise<boolean> {
  const { exitCode, stdout } = await handle.run(['list-clients', '-F', '#{client_activity}'])
  if (exitCode !== 0) return true
  // In whole seconds.
  return stdout
    .split('\n')
    .some((line) => line !== '' && Date.now() - Number(line) * 1_000 < NO_KEY_MS + 1_000)
}

/** Looks at the pane: an empty input row, a footer that shows a mode without questions and no stash, no mode of tmux. */
async function obstacleOf(target: MailTarget): Promise<NotReady | undefined> {
  const handle = handleOf(target)
  const { paneId } = target.session
  if (await hasKeys(handle)) return 'busy'
  if ((await handle.panes()).find(({ id }) => id === paneId)?.inMode !== false) return 'busy'
  const [screen, styled] = [
    await handle.capturePane(paneId),
    await handle.capturePane(paneId, { escapes: true }),
  ]
  if (claudeScreen.read(screen).step.kind !== 'input') return 'blocked'
  const footer = screen.trimEnd().split('\n').slice(-3).join('\n')
  if (!NEVER_ASKS.test(footer) || STASHED.test(footer)) return 'unknown'
  return claudeScreen.draft(styled) === '' ? undefined : 'busy'
}

/** Returns the result of a look at the pane; `unknown` if its server does not answer. */
async function look(target: MailTarget): Promise<NotReady | undefined> {
  try {
    return await obstacleOf(target)
  } catch (error) {
    if (!isIapeerError(error)) throw error
    return 'unknown'
  }
}

async function prepare(target: MailTarget): Promise<Prepared> {
  const { state, facts } = await judgeReadiness(target)
  if (state !== 'ready' || facts === undefined)
    return { kind: 'not-now', why: state === 'ready' ? 'unknown' : state }
  if (!isQuiet(facts, Date.now())) return { kind: 'not-now', why: 'busy' }
  const obstacle = await look(target)
  if (obstacle !== undefined) return { kind: 'not-now', why: obstacle }
  const conversation = await conversationOf(facts)
  return conversation === undefined ? { kind: 'not-now', why: 'unknown' } : { kind: 'usable', conversation }
}

/** Waits until the input row shows the text, twice in a row. */
async function isShown(target: MailTarget, text: string): Promise<boolean> {
  const handle = handleOf(target)
  let shown = 0
  for (const until = performance.now() + SHOWN_MS; performance.now() < until; await sleep(POLL_MS)) {
    const { input } = claudeScreen.read(await handle.capturePane(target.session.paneId))
    const isOurs = input !== undefined && (PASTED.test(input) || input.startsWith(text.slice(0, HEAD)))
    shown = isOurs ? shown + 1 : 0
    if (shown === 2) return true
  }
  return false
}

/** Pastes the text, looks again, and only then presses Enter. If a look fails, the text stays in the row. */
async function offer(target: MailTarget, { text }: Offer, attempt: Attempt): Promise<Made> {
  const { leader, paneId } = target.session
  if (attempt.leader !== formatProcessId(leader))
    return { kind: 'not-made', why: 'the session has another leader' }
  const obstacle = await look(target)
  if (obstacle !== undefined) return { kind: 'not-made', why: `the pane is not ready: ${obstacle}` }
  const handle = handleOf(target)
  try {
    await handle.paste(paneId, text)
    const isReady = (await isShown(target, text)) && !(await hasKeys(handle))
    if (isReady && (await readClaudeReport(leader))?.status === 'idle')
      await handle.sendKeys(paneId, [{ key: 'Enter' }])
  } catch (error) {
    // The server did not answer; whether it has done what was asked is unknown.
    if (!isIapeerError(error)) throw error
  }
  return { kind: 'made' }
}

/** The input row of the pane, as a person would use it. The last way: nothing proves that a pasted text was not taken. */
export const pasteWay: Way = { name: 'paste', prepare, offer, prove: proveAttempt }
