import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { isIapeerError } from '@iapeer/core/errors'
import { toRuntime } from '@iapeer/core/identity'
import type { Attempt, Conversation } from '@iapeer/core/mailbox'
import { TmuxServer } from '@iapeer/tmux'
import { conversationOf, embeddedThread, isEmbedded } from '../../../conversations/codex/index.ts'
import { adapterOf, permissionsOf, type ScreenReader } from '../../../runtimes/index.ts'
import type { Made, MailTarget, NotReady, Offer, Prepared, Proof, ProofRequest, Way } from '../../way.ts'
import { hasRoom } from '../has-room.ts'
import { lastTurnRecord } from './embedded-state.ts'
import { findInRollout, type RolloutMessage } from './find-in-rollout.ts'

const TMUX_MS = 2_000
/** How long Codex has to be idle. */
const IDLE_MS = 2_000
/** How long no person may have pressed a key in an attached client. */
const KEYS_MS = 10_000
/** How long a pasted text may take to appear in the input row. */
const SHOW_MS = 3_000
const POLL_MS = 100
/** How many characters of a text are compared with the input row. */
const HEAD = 24
/** Codex shows a long paste as a note. */
const LONG_PASTE = /^\[Pasted Content \d+ chars\]$/

const tmuxOf = ({ session: { socketPath, server } }: MailTarget): TmuxServer =>
  new TmuxServer({ socketPath, process: server, timeoutMs: TMUX_MS })

/** Removes control characters, which could end the paste, except newlines and tabs. */
const pastable = (text: string): string => text.replace(/\r\n?/g, '\n').replace(/(?![\n\t])\p{Cc}/gu, '')

const reader = (): ScreenReader | undefined => adapterOf(toRuntime('codex')).screen

async function capture({ session: { paneId } }: MailTarget, tmux: TmuxServer): Promise<string | undefined> {
  try {
    return await tmux.capturePane(paneId, { escapes: true })
  } catch (error) {
    if (isIapeerError(error) && (error.code === 'tmux-refused' || error.code === 'server-unresponsive'))
      return undefined
    throw error
  }
}

/** The input row: its text, and what a person typed there. Undefined where there is none: a dialog, a menu, another screen. */
async function inputRow(
  target: MailTarget,
  tmux: TmuxServer,
): Promise<{ text: string; draft: string } | undefined> {
  const screen = await capture(target, tmux)
  const screens = reader()
  if (screen === undefined || screens === undefined) return undefined
  const draft = screens.draft(screen)
  const { step, input } = screens.read(stripVTControlCharacters(screen))
  return step.kind === 'input' && input !== undefined ? { text: input, draft } : undefined
}

/** Returns whether a person has pressed a key lately. True also if tmux does not answer. */
async function hasKeys(tmux: TmuxServer): Promise<boolean> {
  const { exitCode, stdout } = await tmux.run(['list-clients', '-F', '#{client_activity}'])
  if (exitCode !== 0) return true
  const times = stdout.split('\n').filter((line) => line !== '')
  return times.some((time) => Date.now() - Number(time) * 1_000 < KEYS_MS)
}

/** Returns why nothing can be pasted now. An Enter in a dialog answers the dialog, so there must be none. */
async function notReady(target: MailTarget, tmux: TmuxServer): Promise<NotReady | undefined> {
  const last = await lastTurnRecord(target)
  if (last?.kind === 'begin' || (last !== undefined && Date.now() - last.atMs < IDLE_MS)) return 'busy'
  if (await hasKeys(tmux)) return 'busy'
  const row = await inputRow(target, tmux)
  if (row === undefined) return 'blocked'
  return row.draft === '' ? undefined : 'busy'
}

async function prepare(target: MailTarget): Promise<Prepared> {
  if (!isEmbedded(target)) return { kind: 'off', why: 'Codex runs with an app-server' }
  if (permissionsOf('codex', { profile: target.profile }) !== 'skip')
    return { kind: 'off', why: 'it asks for permissions: Enter could answer a dialog' }
  const thread = await embeddedThread(target)
  if (thread === undefined) return { kind: 'off', why: 'the conversation of Codex is unknown' }
  const why = await notReady(target, tmuxOf(target))
  if (why !== undefined) return { kind: 'not-now', why }
  if (!(await hasRoom(thread.path))) return { kind: 'not-now', why: 'disk' }
  return { kind: 'usable', conversation: await conversationOf(thread.id, thread.path) }
}

/** Waits until the input row holds a text. */
async function isShown(target: MailTarget, tmux: TmuxServer, text: string): Promise<boolean> {
  const head = text.replace(/\s+/g, ' ').slice(0, HEAD)
  const until = performance.now() + SHOW_MS
  for (;;) {
    const shown = (await inputRow(target, tmux))?.text.replace(/\s+/g, ' ') ?? ''
    if (shown.startsWith(head) || LONG_PASTE.test(shown)) return true
    if (performance.now() > until) return false
    await sleep(POLL_MS)
  }
}

/** Pastes a message, looks again, and then presses Enter. If a look fails, the text stays in the input row without an Enter. */
async function offer(target: MailTarget, given: Offer, { conversation }: Attempt): Promise<Made> {
  const tmux = tmuxOf(target)
  if ((await embeddedThread(target))?.id !== conversation.id)
    return { kind: 'not-made', why: 'the conversation on the screen is another one now' }
  const why = await notReady(target, tmux)
  if (why !== undefined) return { kind: 'not-made', why }
  const text = pastable(given.text)
  if (!text.startsWith('<')) return { kind: 'not-made', why: 'Codex would read it as a command' }
  const { paneId } = target.session
  await tmux.paste(paneId, text)
  if (!(await isShown(target, tmux, text)) || (await lastTurnRecord(target))?.kind === 'begin')
    return { kind: 'made' }
  await tmux.sendKeys(paneId, [{ key: 'Enter' }])
  return { kind: 'made' }
}

/** Returns the conversation of an attempt; its rollout is made with its first turn. */
async function knownConversation(target: MailTarget, { conversation }: Attempt): Promise<Conversation> {
  if (conversation.path !== undefined) return conversation
  const thread = await embeddedThread(target)
  return thread?.id === conversation.id && thread.path !== undefined
    ? { ...conversation, path: thread.path, offset: 0 }
    : conversation
}

/** Searches the rollout for a message that was pasted, also as the first one of its conversation. */
export async function findPasted(
  target: MailTarget,
  request: ProofRequest,
): Promise<RolloutMessage | undefined> {
  const conversation = await knownConversation(target, request.attempt)
  return findInRollout({ ...request, attempt: { ...request.attempt, conversation } })
}

async function prove(target: MailTarget, request: ProofRequest): Promise<Proof> {
  const found = await findPasted(target, request)
  return found === undefined ? { kind: 'none' } : { kind: 'taken', by: 'transcript', turn: found.turnId }
}

/** Pastes a message into an idle Codex that runs without an app-server and does not ask for permissions. Its absence cannot be proven. */
export const pasteWay: Way = { name: 'paste', prepare, offer, prove }
