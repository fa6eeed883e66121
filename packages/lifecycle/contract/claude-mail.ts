import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '@iapeer/dev/agents'
import { type InputRecord, parseRecord, type TranscriptRecord } from '../src/conversations/claude/records.ts'
import { inboxBody, rewakeBody } from '../src/mail/ways/claude/frames.ts'
import { type Claims, within } from './claims.ts'
import type { ClaudeSession } from './claude-session.ts'

/** The equal frame is posted again at most this long after the first. */
const REPEAT_MS = 10_000
const QUIET_MS = 2_000

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function records(session: ClaudeSession): readonly TranscriptRecord[] {
  const path = String(session.hooked('SessionStart')?.payload['transcript_path'])
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
  return lines.flatMap((line) => parseRecord(line) ?? [])
}

const inputs = (session: ClaudeSession): readonly InputRecord[] =>
  records(session).flatMap((record) => (record.kind === 'input' ? [record] : []))

async function checkRecords(session: ClaudeSession, claims: Claims): Promise<void> {
  const peers = inputs(session).filter(({ origin, mark }) => origin === 'peer' && mark !== undefined)
  claims.check('both records of the inbox have the origin peer and their msg_id', peers.length >= 2)
  claims.check('the first names its turn', peers[0]?.turn !== undefined && peers[1]?.turn === undefined)
  const prompts = session.calls('UserPromptSubmit').map(({ payload }) => payload)
  const submitted = prompts.find(({ prompt }) => inboxBody(String(prompt)) === 'ID-1')
  claims.check('UserPromptSubmit passes the whole frame of the inbox', submitted !== undefined)
  const stops = session.calls('Stop').map(({ payload }) => payload['prompt_id'])
  claims.check(
    'the record, UserPromptSubmit and Stop have the same id of the turn',
    submitted?.['prompt_id'] === peers[0]?.turn && stops.includes(submitted?.['prompt_id']),
  )
  claims.check(
    'the end of a turn has a record',
    records(session).some(({ kind }) => kind === 'turn-end'),
  )
}

async function checkInterrupt(session: ClaudeSession, claims: Claims): Promise<void> {
  const { lab } = session
  const release = lab.model.hold()
  const [since, id] = [Date.now(), randomUUID()]
  await session.post('ID-5', id)
  await within(() => lab.asked('ID-5', since), 8_000)
  await within(() => session.hasTaken(id), 3_000)
  await lab.press('Escape')
  await claims.appears('Escape leaves a record of the interrupted turn', () => {
    const turn = inputs(session).find(({ mark }) => mark === id)?.turn
    return records(session).some((record) => record.kind === 'interrupted' && record.turn === turn)
  })
  release()
  await session.becomesIdle()
}

/** Checks what messages to Claude Code rely on, beyond that they arrive. */
export async function checkMail(session: ClaudeSession, claims: Claims): Promise<void> {
  const { lab } = session
  const since = Date.now()
  await session.post('ID-4', randomUUID(), 'eve')
  await within(() => lab.asked('ID-4', since), 8_000)
  await checkRecords(session, claims)
  await session.becomesIdle()
  await checkInterrupt(session, claims)
  claims.check('of two --settings the last one counts', !existsSync(join(lab.directory, 'unused-settings')))
  await wait(since + REPEAT_MS - Date.now())
  await session.post('ID-4', randomUUID(), 'eve')
  await wait(QUIET_MS)
  const times = lab.model.requests.filter(({ isTurn, added }) => isTurn && added.includes('ID-4')).length
  claims.check('ten seconds later the equal text of a sender is dropped', times === 1, `${times} times`)
}

/** Checks the frame of a watcher. @param text what the watcher printed */
export function checkRewakeFrame(session: ClaudeSession, claims: Claims, text: string): void {
  claims.check(
    'the text of a watcher is the whole of its frame',
    inputs(session).some(
      ({ text: frame, origin }) => origin === 'task-notification' && rewakeBody(frame) === text,
    ),
  )
}

/** Checks the options that a launch relies on. */
export async function checkOptions(session: ClaudeSession, program: string, claims: Claims): Promise<void> {
  const { env } = session.lab
  const both = await run(program, ['--session-id', randomUUID(), '--continue', '-p', 'x'], { env })
  claims.check(
    '--session-id is refused beside --continue',
    both.exitCode !== 0 && /fork-session/.test(both.stderr),
  )
}
