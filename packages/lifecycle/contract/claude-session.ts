import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { within } from './claims.ts'
import { postToInbox } from './inbox.ts'
import { asset, type Fields, fieldsOf, type Lab, linesOf } from './lab.ts'

const EVENTS = ['SessionStart', 'UserPromptSubmit', 'PreToolUse', 'Stop', 'StopFailure'] as const
type HookEvent = (typeof EVENTS)[number]

const UNUSED_HOOK = { type: 'command', command: ': >"$CLAUDE_CODE_TMPDIR/unused-settings"' }

/** One call of the test hook. */
interface HookCall {
  readonly at: number
  readonly inbox: string
  readonly payload: Fields
}

/** One session of Claude Code in a lab. */
export class ClaudeSession {
  readonly lab: Lab
  readonly id = randomUUID()
  readonly mail: string
  readonly #hookLog: string

  constructor(lab: Lab) {
    this.lab = lab
    this.mail = join(lab.directory, 'mail')
    this.#hookLog = join(lab.directory, 'hooks.jsonl')
  }

  async start(program: string): Promise<void> {
    // Only the last settings count.
    const unused = join(this.lab.directory, 'unused.json')
    writeFileSync(unused, JSON.stringify({ hooks: { SessionStart: [{ hooks: [UNUSED_HOOK] }] } }))
    const hook = (event: string, ...more: readonly string[]): object => {
      const args = [asset('hook.mjs'), this.#hookLog, event, ...more]
      return { type: 'command', command: process.execPath, args, timeout: 20 }
    }
    const hooks = Object.fromEntries(EVENTS.map((event) => [event, [{ hooks: [hook(event)] }]]))
    const watcher = { ...hook('Watch', this.mail), asyncRewake: true, timeout: 86_400 }
    const onStart = [...(hooks['SessionStart'] ?? []), { hooks: [watcher] }]
    const settings = { hooks: { ...hooks, SessionStart: onStart }, crossSessionInbound: 'accept' }
    const path = join(this.lab.directory, 'settings.json')
    writeFileSync(path, JSON.stringify(settings))
    const argv = [
      program,
      '--dangerously-skip-permissions',
      '--settings',
      unused,
      '--settings',
      path,
      '--session-id',
      this.id,
    ]
    await this.lab.start(argv, { CLAUDE_CODE_TMPDIR: this.lab.directory })
  }

  get recordPath(): string {
    return join(this.lab.home, '.claude', 'sessions', `${this.lab.leader.pid}.json`)
  }

  record(): Fields {
    return existsSync(this.recordPath) ? fieldsOf(JSON.parse(readFileSync(this.recordPath, 'utf8'))) : {}
  }

  /** Returns the calls of the hook for an event, the oldest first. */
  calls(event: HookEvent): readonly HookCall[] {
    return linesOf(this.#hookLog)
      .filter((line) => line['event'] === event)
      .map((line) => ({
        at: Number(line['at']),
        inbox: String(line['inbox']),
        payload: fieldsOf(line['payload']),
      }))
  }

  hooked(event: HookEvent, since = 0): HookCall | undefined {
    return this.calls(event).find(({ at }) => at >= since)
  }

  transcript(): readonly Fields[] {
    return linesOf(String(this.hooked('SessionStart')?.payload['transcript_path']))
  }

  /** Returns whether the transcript contains a message: in a record of its own, or attached to the result of a tool. */
  hasTaken(id: string): boolean {
    const idIn = (value: unknown): unknown => fieldsOf(fieldsOf(value)['origin'])['msg_id']
    return this.transcript().some((line) => idIn(line) === id || idIn(line['attachment']) === id)
  }

  post(text: string, id: string, sender = 'ann'): Promise<void> {
    const socket = String(this.record()['messagingSocketPath'])
    return postToInbox(socket, { id, text, from: join(this.lab.directory, `${sender}.sock`) })
  }

  isIdle = (): boolean => this.record()['status'] === 'idle'
  async becomesIdle(): Promise<void> {
    if ((await within(this.isIdle, 10_000)) === undefined) throw new Error('the session does not become idle')
  }
}
