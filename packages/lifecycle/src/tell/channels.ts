import { join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { runProgram } from '@iapeer/tmux'
import { isProgram } from '../launch/find-program.ts'

/** How long whoever is told may take. */
const LIMIT_MS = 10_000

/** What is told: one death, or several of one incident. */
export interface News {
  readonly schemaVersion: 1
  /** Of the incident, or of the death. */
  readonly id: string
  readonly kind: 'death' | 'incident'
  /** One sentence. */
  readonly summary: string
  readonly verdict: string
  readonly confidence: string
  readonly deaths: readonly object[]
}

/** Undefined: told, or there is nobody to be told. Else why it failed, one line. */
type Channel = (root: string, news: News, env: NodeJS.ProcessEnv) => Promise<string | undefined>

/** `<root>/hooks/on-death`: the news as JSON on its standard input, ten seconds. */
const tellHook: Channel = async (root, news, env) => {
  const hook = join(rootLayout(root).hooksDir, 'on-death')
  if (!(await isProgram(hook))) return undefined
  const input = `${JSON.stringify(news)}\n`
  const { exitCode, timedOut, signal } = await runProgram([hook], { timeoutMs: LIMIT_MS, env, input })
  if (exitCode === 0) return undefined
  return timedOut
    ? `hooks/on-death took longer than ${LIMIT_MS / 1_000} s`
    : `hooks/on-death ended with ${exitCode ?? signal}`
}

/** `IAPEER_NOTIFY=1`: the desktop's own notification. */
const tellDesktop: Channel = async (_root, news, env) => {
  if (env['IAPEER_NOTIFY'] !== '1') return undefined
  const argv: readonly [string, ...string[]] =
    process.platform === 'darwin'
      ? [
          'osascript',
          '-e',
          'on run argv',
          '-e',
          'display notification (item 1 of argv) with title "iapeer"',
          '-e',
          'end run',
          news.summary,
        ]
      : ['notify-send', '--app-name=iapeer', '--', 'iapeer', news.summary]
  const { exitCode, missing } = await runProgram(argv, { timeoutMs: LIMIT_MS, env })
  if (exitCode === 0) return undefined
  return missing ? `there is no ${argv[0]}` : `${argv[0]} ended with ${exitCode}`
}

/** `IAPEER_WEBHOOK_URL`: the news as JSON by POST. */
const tellWebhook: Channel = async (_root, news, env) => {
  const url = env['IAPEER_WEBHOOK_URL']
  if (url === undefined || url === '') return undefined
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(news),
      signal: AbortSignal.timeout(LIMIT_MS),
    })
    await answer.body?.cancel()
    return answer.ok ? undefined : `the webhook answered ${answer.status}`
  } catch (error) {
    // Whatever is wrong with it is that of the webhook: the address, the network, the time.
    return `the webhook failed: ${error instanceof Error ? error.message : String(error)}`
  }
}

const CHANNELS = { hook: tellHook, desktop: tellDesktop, webhook: tellWebhook } as const

/** Tells everybody who wants to hear. @returns what failed, a line each */
export async function tellEverybody(
  root: string,
  news: News,
  env: NodeJS.ProcessEnv,
): Promise<readonly string[]> {
  const failures = await Promise.all(Object.values(CHANNELS).map((channel) => channel(root, news, env)))
  return failures.filter((one) => one !== undefined)
}
