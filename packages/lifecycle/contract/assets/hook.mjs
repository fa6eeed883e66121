// A hook of Claude Code that logs its input: node hook.mjs LOG EVENT [MAIL]
// With MAIL it waits for that file, up to a minute, and passes its text on as an asyncRewake hook does: on standard error,
// with exit code 2. It exits when Claude Code does.
import { appendFileSync, readFileSync, renameSync } from 'node:fs'

const [log, event, mail] = process.argv.slice(2)
const MAX_MS = 60_000

let payload = ''
for await (const chunk of process.stdin.setEncoding('utf8')) payload += chunk
const { CLAUDE_CODE_MESSAGING_SOCKET: inbox } = process.env
appendFileSync(log, `${JSON.stringify({ at: Date.now(), event, inbox, payload: JSON.parse(payload) })}\n`)

function take() {
  try {
    renameSync(mail, `${mail}.taken`)
    return readFileSync(`${mail}.taken`, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

const parent = process.ppid
for (
  const until = Date.now() + MAX_MS;
  mail !== undefined && Date.now() < until && process.ppid === parent;
) {
  const text = take()
  if (text !== undefined) {
    process.stderr.write(text)
    process.exit(2)
  }
  await new Promise((resolve) => setTimeout(resolve, 50))
}
