import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentName } from './install-agent.ts'

/** Variables that refer to an account, a configuration or a session of the user who runs the tests. */
const USER_VARIABLES = /^(?:ANTHROPIC_|CLAUDE|CODEX_|OPENAI_)/

interface ScratchHome {
  /** An empty directory. */
  readonly home: string
  /** The URL of the model: `http://127.0.0.1:<port>`. */
  readonly modelUrl: string
  /** A directory that the program trusts without a dialog. @default none */
  readonly trusted?: string
}

function prepareClaude({ home, modelUrl, trusted }: ScratchHome): NodeJS.ProcessEnv {
  const projects = trusted === undefined ? {} : { [trusted]: { hasTrustDialogAccepted: true } }
  const state = { hasCompletedOnboarding: true, theme: 'dark', projects }
  writeFileSync(join(home, '.claude.json'), JSON.stringify(state))
  return {
    ANTHROPIC_BASE_URL: modelUrl,
    // The fake model accepts any token.
    ANTHROPIC_AUTH_TOKEN: 'none',
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    CLAUDE_CODE_MAX_RETRIES: '1',
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
    IS_SANDBOX: '1',
  }
}

function prepareCodex({ home, modelUrl, trusted }: ScratchHome): NodeJS.ProcessEnv {
  mkdirSync(join(home, '.codex'))
  const lines = [
    'model = "fake"',
    'model_provider = "fake"',
    'check_for_update_on_startup = false',
    '[model_providers.fake]',
    'name = "fake"',
    `base_url = "${modelUrl}/v1"`,
    'wire_api = "responses"',
    ...(trusted === undefined ? [] : [`[projects."${trusted}"]`, 'trust_level = "trusted"']),
  ]
  writeFileSync(join(home, '.codex', 'config.toml'), `${lines.join('\n')}\n`)
  return {}
}

/**
 * Writes the configuration of a program into an empty home, so that it uses the fake model and needs no account.
 * @returns the environment to start it with: this process's environment without the user's variables
 */
export function prepareHome(name: AgentName, where: ScratchHome): NodeJS.ProcessEnv {
  const own = name === 'claude' ? prepareClaude(where) : prepareCodex(where)
  const inherited = Object.entries(process.env).filter(([variable]) => !USER_VARIABLES.test(variable))
  return { ...Object.fromEntries(inherited), HOME: where.home, ...own }
}
