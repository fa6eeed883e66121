import { randomUUID } from 'node:crypto'
import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { run } from '@iapeer/dev/agents'
import { bootStep } from '../src/launch/screen/boot-step.ts'
import { claudeRuntime } from '../src/runtimes/claude.ts'
import { readClaudeReport } from '../src/runtimes/claude-report.ts'
import { boot, readerOf } from './boot.ts'
import { type Claims, within } from './claims.ts'
import { checkMail, checkOptions, checkRewakeFrame } from './claude-mail.ts'
import { ClaudeSession } from './claude-session.ts'
import { fieldsOf, type Lab } from './lab.ts'

const reader = readerOf(claudeRuntime)
/** What the watcher prints. */
const WATCHED = '<iap id="ID-3">by the hook</iap>'
async function checkBoot(session: ClaudeSession, program: string, claims: Claims): Promise<void> {
  const { lab } = session
  await session.start(program)
  const dialogs: string[] = []
  let recordsBefore = 0
  await boot(lab, claudeRuntime, async (dialog) => {
    dialogs.push(dialog)
    if (existsSync(session.recordPath)) recordsBefore++
  })
  claims.check(
    'its boot dialogs are known and answered',
    dialogs.includes('bypass permissions'),
    [...new Set(dialogs)].join(', '),
  )
  claims.check('while a boot dialog is shown it writes no sessions file', recordsBefore === 0)
  const start = await claims.appears(
    'SessionStart passes the session id, the transcript and the inbox',
    () => {
      const hooked = session.hooked('SessionStart')
      if (hooked?.payload['session_id'] !== session.id || hooked.inbox === 'undefined') return undefined
      return String(hooked.payload['transcript_path']).includes(session.id) ? hooked : undefined
    },
  )
  await claims.appears('sessions/<pid>.json says idle and names the inbox', () => {
    const { status, messagingSocketPath } = session.record()
    return status === 'idle' && messagingSocketPath === start?.inbox
  })
  const { procStart, pid, messagingSocketPath } = session.record()
  claims.check(
    'its pid is the pid of the pane, and procStart is the start time in /proc',
    pid === lab.leader.pid && procStart === lab.leader.token,
  )
  claims.check('the inbox is in CLAUDE_CODE_TMPDIR', String(messagingSocketPath).startsWith(lab.directory))
  const loggedOut = { ...lab.env, ANTHROPIC_AUTH_TOKEN: '', HOME: lab.directory }
  const status = await run(program, ['auth', 'status', '--json'], { env: loggedOut })
  claims.check(
    'without an account, auth status says loggedIn false',
    fieldsOf(JSON.parse(status.stdout))['loggedIn'] === false,
  )
}

async function checkInbox(session: ClaudeSession, claims: Claims): Promise<void> {
  const { lab } = session
  const [first, second] = [randomUUID(), randomUUID()]
  let since = Date.now()
  await session.post('ID-1', first)
  await claims.appears('a message to the inbox starts a turn of an idle session', () =>
    lab.asked('ID-1', since),
  )
  await claims.appears('the transcript contains its msg_id', () => session.hasTaken(first), 3_000)
  await session.becomesIdle()
  lab.model.script(
    { tools: [{ tool: 'Bash', input: { command: 'sleep 3; echo slept', description: 's' } }] },
    { text: 'after' },
  )
  since = Date.now()
  await lab.say('work', reader)
  await within(() => session.hooked('PreToolUse', since), 8_000)
  await session.post('ID-2', second)
  await new Promise((resolve) => setTimeout(resolve, 700))
  claims.check(
    'a message to the inbox is not taken while a tool runs',
    !session.hasTaken(second) && session.record()['status'] === 'busy',
  )
  const asked = await within(() => lab.asked('ID-2', since), 10_000)
  claims.check(
    'the message arrives with the result of the tool, which was not cancelled',
    asked?.added.includes('slept') === true,
  )
  await claims.appears('the transcript contains its msg_id too', () => session.hasTaken(second), 3_000)
  await session.becomesIdle()
}

async function checkWatcher(session: ClaudeSession, claims: Claims): Promise<void> {
  const { lab, mail } = session
  await lab.type('a draft', reader)
  writeFileSync(`${mail}.part`, WATCHED)
  const since = Date.now()
  renameSync(`${mail}.part`, mail)
  await claims.appears('an asyncRewake hook that exits with code 2 starts a turn', () =>
    lab.asked('ID-3', since),
  )
  await session.becomesIdle()
  checkRewakeFrame(session, claims, WATCHED)
  claims.check('a draft in the input row is not changed', reader.read(await lab.screen()).input === 'a draft')
  await lab.press('C-u')
  await session.becomesIdle()
}

async function checkWaiting(session: ClaudeSession, claims: Claims): Promise<void> {
  const { lab } = session
  const options = ['A', 'B'].map((label) => ({ label, description: label }))
  const question = { question: 'Which?', header: 'W', multiSelect: false, options }
  lab.model.script({ tools: [{ tool: 'AskUserQuestion', input: { questions: [question] } }] })
  await lab.say('ask', reader)
  await claims.appears(
    'a question to the user sets the status waiting',
    () => session.record()['status'] === 'waiting',
  )
  claims.check(
    'the report says what the session waits for',
    typeof session.record()['waitingFor'] === 'string',
    String(session.record()['waitingFor']),
  )
  claims.check('iapeer reads the status waiting', (await readClaudeReport(lab.leader))?.status === 'waiting')
  const step = bootStep(reader.read(await lab.screen()), await readClaudeReport(lab.leader))
  claims.check('iapeer presses no key for a question', step.kind === 'wait')
  await lab.press('Escape')
  await session.becomesIdle()
}

async function checkFailure(session: ClaudeSession, claims: Claims): Promise<void> {
  const { lab } = session
  lab.model.always({
    status: 429,
    body: { type: 'error', error: { type: 'rate_limit_error', message: 'slow' } },
  })
  await lab.say('fail', reader)
  await claims.appears(
    'an error of the model calls StopFailure with the kind of error',
    () => session.hooked('StopFailure')?.payload['error'] === 'rate_limit',
    20_000,
  )
  await claims.appears(
    'the transcript contains the status of the error',
    () => session.transcript().some((line) => line['apiErrorStatus'] === 429),
    3_000,
  )
}

/** Checks what iapeer relies on, or will rely on, in Claude Code. */
export async function checkClaude(lab: Lab, program: string, claims: Claims): Promise<void> {
  const session = new ClaudeSession(lab)
  await checkBoot(session, program, claims)
  await checkOptions(session, program, claims)
  await claims.each([checkInbox, checkWatcher, checkMail, checkWaiting, checkFailure], (check) =>
    check(session, claims),
  )
}
