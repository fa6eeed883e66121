import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { runProgram } from '@iapeer/core/exec'
import type { DeathAt } from './death-at.ts'
import { printed } from './journal.ts'
import type { Section } from './section.ts'

const LIMIT_MS = 3_000
const NEAR_MS = 60_000

/**
 * Returns an expression for the names that a pattern of core(5) gives the core of a process; specifiers other than the pid
 * match any text.
 */
export function coreNames(pattern: string, pid: number): RegExp {
  const parts = pattern.split(/(%[a-zA-Z%])/).map((part) => {
    if (/^%[pPiI]$/.test(part)) return String(pid)
    if (part === '%%') return '%'
    return /^%/.test(part) ? '[^/]*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('')}(?:\\.${pid})?$`)
}

async function filesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return []
  }
}

async function changedAt(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return 0
  }
}

/** Returns the files that are named after the process and were written near the time of its death. */
async function coreFiles(pattern: string, { atMs, pid }: DeathAt): Promise<string[]> {
  if (pid === undefined) return []
  const directory = dirname(pattern)
  const wanted = coreNames(basename(pattern), pid)
  const found: string[] = []
  for (const name of await filesIn(directory)) {
    const isOne = name.includes(String(pid)) && wanted.test(name)
    if (isOne && Math.abs((await changedAt(join(directory, name))) - atMs) <= NEAR_MS)
      found.push(`new ${join(directory, name)}`)
  }
  return found
}

async function corePattern(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return ''
  }
}

export interface CoreLocations {
  readonly env: NodeJS.ProcessEnv
  /** The working directory of the process: a relative pattern is resolved against it. */
  readonly cwd?: string | undefined
  /** @default /proc/sys/kernel/core_pattern */
  readonly patternFile?: string
}

/** Returns the core files of a process, or the lines of `coredumpctl`: both appear some time after the process has died. */
export async function coreSection(death: DeathAt, locations: CoreLocations): Promise<Section> {
  const pattern = await corePattern(locations.patternFile ?? '/proc/sys/kernel/core_pattern')
  if (pattern.startsWith('|')) {
    const argv = [
      'coredumpctl',
      'list',
      '--no-pager',
      '--no-legend',
      '--quiet',
      `COREDUMP_PID=${death.pid}`,
    ] as const
    const result = await runProgram(argv, { timeoutMs: LIMIT_MS, env: locations.env })
    // It exits with 1 when it lists none.
    const none = !result.missing && !result.timedOut && result.stdout === ''
    return { name: 'core', found: none ? [] : printed('coredumpctl', result) }
  }
  const at = isAbsolute(pattern)
    ? pattern
    : locations.cwd === undefined
      ? undefined
      : join(locations.cwd, pattern)
  return { name: 'core', found: at === undefined ? [] : await coreFiles(at, death) }
}
