import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type AgentName, installAgent, newestVersion } from './install-agent.ts'
import pinned from './versions.json' with { type: 'json' }

/** An agent program to test with, or the reason why there is none. */
export type FoundAgent =
  | { readonly program: string; readonly skipped?: undefined }
  | { readonly program?: undefined; readonly skipped: string }

function onPath(name: AgentName, directories: readonly string[], wanted: string): FoundAgent {
  const program = directories.map((directory) => join(directory, name)).find((path) => existsSync(path))
  return program === undefined ? { skipped: `${name} not found ${wanted}` } : { program }
}

async function installed(
  name: AgentName,
  version: () => Promise<string> | string,
  env: NodeJS.ProcessEnv,
): Promise<FoundAgent> {
  try {
    return { program: await installAgent(name, await version(), env) }
  } catch (error) {
    // Without a registry, disk space or a supported platform, the tests of the program are skipped.
    return { skipped: error instanceof Error ? error.message : String(error) }
  }
}

/**
 * Finds an agent program by `IAPEER_TEST_AGENTS`: `pinned` (the version in versions.json) and `newest` install that version
 * once; any other value is a directory into which npm installed the program. If unset, the program on the PATH is used.
 */
export async function findAgent(name: AgentName, env: NodeJS.ProcessEnv = process.env): Promise<FoundAgent> {
  const wanted = env['IAPEER_TEST_AGENTS']
  if (wanted === 'pinned') return installed(name, () => pinned[name], env)
  if (wanted === 'newest') return installed(name, () => newestVersion(name, env), env)
  if (wanted) return onPath(name, [join(wanted, 'node_modules', '.bin')], `in ${wanted}`)
  const hint = 'on the PATH (IAPEER_TEST_AGENTS=pinned installs one)'
  return onPath(name, (env['PATH'] ?? '').split(delimiter), hint)
}
