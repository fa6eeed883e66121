import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import type { PeerProfile } from '@iapeer/core/profile'
import { parseLaunchEnv } from '@iapeer/core/storage'
import { listQueue, onQueue, removeFromQueue } from '../src/mail/ways/codex/queue-server.ts'
import { codexRuntime, mailArgv } from '../src/runtimes/codex.ts'
import { boot, readerOf } from './boot.ts'
import { type Claims, within } from './claims.ts'
import { CodexClient } from './codex-client.ts'
import { type Fields, fieldsOf, type Lab } from './lab.ts'

const reader = readerOf(codexRuntime)
const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.map(fieldsOf) : [])

/** One thread of Codex behind a private app-server in a lab. */
class CodexThread {
  readonly lab: Lab
  readonly client: CodexClient
  readonly id: string

  constructor(lab: Lab, client: CodexClient, id: string) {
    this.lab = lab
    this.client = client
    this.id = id
  }

  /** Sends a message. @returns the id of the turn, or the error of the server */
  async say(
    method: 'turn/start' | 'turn/steer',
    text: string,
    id: string,
    expectedTurnId?: string,
  ): Promise<string> {
    const input = [{ type: 'text', text }]
    const params = { threadId: this.id, clientUserMessageId: id, input, expectedTurnId }
    try {
      return String(fieldsOf((await this.client.request(method, params))['turn'])['id'])
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }

  async #thread(includeTurns: boolean): Promise<Fields> {
    return fieldsOf((await this.client.request('thread/read', { threadId: this.id, includeTurns }))['thread'])
  }

  async hasTaken(id: string): Promise<boolean> {
    const turns = listOf((await this.#thread(true))['turns'])
    return turns.flatMap((turn) => listOf(turn['items'])).some((item) => item['clientId'] === id)
  }

  async status(): Promise<unknown> {
    return fieldsOf((await this.#thread(false))['status'])['type']
  }

  /** Returns the parameters of all notifications with a method. */
  notified(method: string): readonly Fields[] {
    return this.client.notifications
      .filter((one) => one['method'] === method)
      .map((one) => fieldsOf(one['params']))
  }

  async turnEnds(turnId: string): Promise<void> {
    const isThisTurn = (params: Fields): boolean => fieldsOf(params['turn'])['id'] === turnId
    const ended = await within(() => this.notified('turn/completed').some(isThisTurn), 15_000)
    if (ended === undefined) throw new Error('the turn does not end')
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const sleepTool = (seconds: number) => ({
  tools: [{ tool: 'exec_command', input: { cmd: `sleep ${seconds}; echo slept`, yield_time_ms: 25_000 } }],
})

const SKIP = { approvalPolicy: 'never', sandbox: 'dangerFullAccess' }

/** Starts Codex as a launch with messages does. */
async function start(lab: Lab, program: string): Promise<void> {
  const profile: PeerProfile = {
    ...{
      personality: toPersonality('bob'),
      defaultRuntime: toRuntime('codex'),
      runtimes: [toRuntime('codex')],
    },
    ...{
      description: '',
      intelligence: 'artificial',
      interfaces: {},
      command: [program],
      permissions: 'skip',
    },
  }
  const launchEnv = parseLaunchEnv('', '')
  const mail = { root: lab.directory, directory: lab.directory, bearer: 'iapb_none', conversation: '' }
  const argv = await mailArgv({ profile, launchEnv, cwd: lab.cwd, env: lab.env, mail })
  await lab.start(argv)
}

async function open(lab: Lab, program: string, socket: string, claims: Claims): Promise<CodexThread> {
  await start(lab, program)
  await boot(lab, codexRuntime)
  claims.check('its input row is recognised', reader.read(await lab.screen()).step.kind === 'input')
  const client = await CodexClient.open(socket)
  await client.initialize()
  const loaded = await client.request('thread/loaded/list')
  const [id = ''] = Array.isArray(loaded['data']) ? loaded['data'].map(String) : []
  claims.check('the thread is known before its first turn', /^[0-9a-f-]{36}$/.test(id))
  const { path } = fieldsOf((await client.request('thread/read', { threadId: id }))['thread'])
  claims.check(
    'the path of its rollout is known, and the file is made with the first turn',
    typeof path === 'string' && !existsSync(path),
  )
  return new CodexThread(lab, client, id)
}

async function checkIdle(thread: CodexThread, claims: Claims): Promise<void> {
  const since = Date.now()
  await thread.say('turn/start', 'ID-1', 'm1')
  await claims.appears('turn/start on an idle thread reaches the model', () =>
    thread.lab.asked('ID-1', since),
  )
  await claims.appears('thread/read finds the message by our id', () => thread.hasTaken('m1'), 3_000)
  await within(async () => (await thread.status()) === 'idle', 8_000)
}

async function checkTurns({ client, id }: CodexThread, claims: Claims): Promise<void> {
  const options = { threadId: id, limit: 1, itemsView: 'full', sortDirection: 'desc' }
  const [turn] = listOf((await client.request('thread/turns/list', options))['data'])
  const item = listOf(turn?.['items']).find((one) => one['type'] === 'userMessage')
  claims.check(
    'thread/turns/list returns the newest turn with its items and our id',
    item?.['clientId'] === 'm1' && turn?.['status'] === 'completed',
  )
  const { approvalPolicy, sandbox } = await client.request('thread/resume', { threadId: id })
  claims.check(
    'a new thread has the permissions that server and TUI were started with',
    approvalPolicy === SKIP.approvalPolicy && fieldsOf(sandbox)['type'] === SKIP.sandbox,
    JSON.stringify([approvalPolicy, sandbox]),
  )
}

async function checkApproval(thread: CodexThread, claims: Claims): Promise<void> {
  const { lab, client, id } = thread
  const input = { cmd: 'touch made', sandbox_permissions: 'require_escalated', justification: 'needed' }
  lab.model.script({ tools: [{ tool: 'exec_command', input }] }, { text: 'after' })
  const sandboxPolicy = { type: 'readOnly' }
  const ask = {
    threadId: id,
    approvalPolicy: 'on-request',
    sandboxPolicy,
    input: [{ type: 'text', text: 'do it' }],
  }
  const turn = String(fieldsOf((await client.request('turn/start', ask))['turn'])['id'])
  const isAsked = async (): Promise<boolean> => /Yes, proceed/.test(await lab.screen())
  await claims.appears('an approval is shown by the TUI', isAsked)
  const { status } = fieldsOf((await client.request('thread/read', { threadId: id }))['thread'])
  claims.check(
    'an open approval is a flag of the status',
    JSON.stringify(status).includes('waitingOnApproval'),
  )
  await pause(5_000)
  claims.check('the approval stays open while our client answers nothing', await isAsked())
  await lab.press('Escape')
  await thread.turnEnds(turn)
}

async function checkQueue({ lab, id }: CodexThread, program: string, claims: Claims): Promise<void> {
  const codexHome = join(lab.home, '.codex')
  const message = { threadId: id, clientUserMessageId: 'q1', input: [{ type: 'text', text: 'queued' }] }
  const result = await onQueue({ codexHome, program }, async (queue) => {
    // A thread that runs in an app-server takes the message at once when it is idle, so the thread is a stored one.
    await queue.request('thread/queue/add', message)
    const isListed = (await listQueue(queue, id)).some(({ mark }) => mark === 'q1')
    return [isListed, await removeFromQueue(queue, id, 'q1')]
  })
  claims.check(
    'the queue of a thread is filled, listed and emptied by a second app-server',
    JSON.stringify(result) === JSON.stringify([true, 'removed']),
    JSON.stringify(result),
  )
}

async function checkSwitch({ lab, client, id }: CodexThread, claims: Claims): Promise<void> {
  client.notifications.length = 0
  await lab.say('/new', reader)
  await claims.appears('/new causes thread/started of another thread', () =>
    client.notifications.some((one) => {
      const started = fieldsOf(fieldsOf(one['params'])['thread'])['id']
      return one['method'] === 'thread/started' && started !== undefined && started !== id
    }),
  )
}

async function checkSteer(thread: CodexThread, claims: Claims): Promise<void> {
  const { lab, client } = thread
  await client.request('thread/resume', { threadId: thread.id })
  lab.model.script(sleepTool(3), { text: 'after' })
  const since = Date.now()
  const turn = await thread.say('turn/start', 'work', 'm2')
  await pause(1_200)
  await thread.say('turn/steer', 'ID-3', 'm3', turn)
  await pause(400)
  claims.check('turn/steer is answered before the message is taken', !(await thread.hasTaken('m3')))
  const asked = await within(() => lab.asked('ID-3', since), 10_000)
  claims.check(
    'the message arrives with the result of the tool, which was not cancelled',
    asked?.added.includes('slept') === true,
  )
  await claims.appears('a notification names an item with our id', () =>
    thread.notified('item/started').some((params) => fieldsOf(params['item'])['clientId'] === 'm3'),
  )
  await thread.turnEnds(turn)
  claims.check(
    'turn/steer on an idle thread is refused',
    /no active turn/.test(await thread.say('turn/steer', 'ID-5', 'm5', turn)),
  )
}

async function checkDraft(thread: CodexThread, claims: Claims): Promise<void> {
  const { lab } = thread
  await lab.type('a draft', reader)
  const since = Date.now()
  await thread.say('turn/start', 'ID-4', 'm4')
  await within(() => lab.asked('ID-4', since), 8_000)
  await claims.appears('the screen shows the message', async () => (await lab.screen()).includes('ID-4'))
  claims.check('a draft in the input row is not changed', reader.read(await lab.screen()).input === 'a draft')
  await lab.press('C-u')
  await within(async () => (await thread.status()) === 'idle', 8_000)
}

async function checkInterrupt(thread: CodexThread, claims: Claims): Promise<void> {
  const { lab } = thread
  lab.model.script(sleepTool(20), { text: 'after' })
  const turn = await thread.say('turn/start', 'long work', 'm6')
  await pause(1_200)
  await thread.say('turn/steer', 'ID-7', 'm7', turn)
  await pause(300)
  await lab.press('Escape')
  await thread.turnEnds(turn)
  await pause(1_500)
  claims.check(
    'a steered message is lost when the turn is interrupted, so it must be sent again',
    !(await thread.hasTaken('m7')),
  )
}

async function checkFailure(thread: CodexThread, claims: Claims): Promise<void> {
  const error = { message: 'slow', type: 'rate_limit_exceeded', code: 'rate_limit_exceeded' }
  thread.lab.model.always({ status: 429, body: { error } })
  await thread.say('turn/start', 'fail', 'm8')
  const notified = await within(
    () => thread.notified('error').find((params) => params['willRetry'] === false),
    30_000,
  )
  claims.check(
    'a notification reports an error of the model with its status',
    JSON.stringify(notified ?? '').includes('429'),
  )
  claims.check('an error of the model sets the status systemError', (await thread.status()) === 'systemError')
}

/** Checks what iapeer relies on, or will rely on, in Codex. */
export async function checkCodex(lab: Lab, program: string, claims: Claims): Promise<void> {
  const socket = join(lab.directory, 'app.sock')
  const thread = await open(lab, program, socket, claims)
  const queue = (one: CodexThread, to: Claims): Promise<void> => checkQueue(one, program, to)
  const checks = [
    ...[checkIdle, checkTurns, checkSteer, checkDraft, checkInterrupt],
    ...[checkApproval, queue, checkSwitch, checkFailure],
  ]
  await claims.each(checks, (check) => check(thread, claims))
  await lab.tmux('kill-server')
  await claims.appears(
    'the app-server exits with the pane',
    () => thread.client.isClosed && !existsSync(socket),
    5_000,
  )
  thread.client.close()
}
