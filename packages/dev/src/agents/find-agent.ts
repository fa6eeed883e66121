import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type AgentName, installAgent, newestVersion } from './install-agent.ts'
import pinned from './versions.json' with { type: 'json' }

/** A real program to test with, or why there is none. */
export type FoundAgent =
  | { readonly program: string; readonly skipped?: undefined }
  | { readonly program?: undefined; readonly skipped: string }

function onPath(name: AgentName, directories: readonly string[], wanted: string): FoundAgent {
  const program = directories.map((directory) => join(directory, name)).find((path) => existsSync(path))
  return program === undefined ? { skipped: `there is no ${name} ${wanted}` } : { program }
}

async function installed(
  name: AgentName,
  version: () => Promise<string> | string,
  env: NodeJS.ProcessEnv,
): Promise<FoundAgent> {
  try {
    return { program: await installAgent(name, await version(), env) }
  } catch (error) {
    // No registry, no room, no such platform: what cannot be installed here is not tested here.
    return { skipped: error instanceof Error ? error.message : String(error) }
  }
}

/**
 * Finds a real program by `IAPEER_TEST_AGENTS`: `pinned` (the version in versions.json) and `newest` are installed once;
 * anything else is the directory that npm has installed it into. Unset: the one on the PATH.
 */
export async function findAgent(name: AgentName, env: NodeJS.ProcessEnv = process.env): Promise<FoundAgent> {
  const wanted = env['IAPEER_TEST_AGENTS']
  if (wanted === 'pinned') return installed(name, () => pinned[name], env)
  if (wanted === 'newest') return installed(name, () => newestVersion(name, env), env)
  if (wanted) return onPath(name, [join(wanted, 'node_modules', '.bin')], `in ${wanted}`)
  const hint = 'on the PATH (IAPEER_TEST_AGENTS=pinned installs one)'
  return onPath(name, (env['PATH'] ?? '').split(delimiter), hint)
}
