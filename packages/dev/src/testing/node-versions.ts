import { existsSync, mkdirSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { npmInstall } from './pack.ts'
import { run } from './run.ts'

/** The supported versions of Node.js, the most important first: 20 is past its end of life. */
export const NODE_MAJORS = [24, 22, 20] as const

/** A Node.js of one major version, or the reason why there is none. */
export type FoundNode =
  | { readonly program: string; readonly env: NodeJS.ProcessEnv; readonly skipped?: undefined }
  | { readonly skipped: string }

/** Returns whether a program is a Node.js of a major version. */
async function isMajor(program: string, major: number): Promise<boolean> {
  return (await run(program, ['--version'])).stdout.startsWith(`v${major}.`)
}

/** Returns the environment in which `#!/usr/bin/env node`, npm and pnpm run under this Node.js. */
function found(program: string): FoundNode {
  const PATH = `${dirname(program)}${delimiter}${process.env['PATH'] ?? ''}`
  return { program, env: { ...process.env, PATH } }
}

/**
 * Finds a Node.js: that of this process, the first on the PATH, or the newest of the major version in the npm registry, which has
 * the program in a package for each platform.
 * @param into an existing directory for the download
 */
export async function findNode(major: number, into: string): Promise<FoundNode> {
  if (process.versions.node.startsWith(`${major}.`)) return found(process.execPath)
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const program = join(directory, 'node')
    if (existsSync(program) && (await isMajor(program, major))) return found(program)
  }
  const prefix = join(into, `node-${major}`)
  mkdirSync(prefix)
  const name = `node-${process.platform}-${process.arch}`
  const skipped = await npmInstall(['--prefix', prefix, `${name}@${major}`], into)
  if (skipped !== undefined) return { skipped }
  const program = join(prefix, 'node_modules', name, 'bin', 'node')
  if (!(await isMajor(program, major))) throw new Error(`${program} is not Node.js ${major}`)
  return found(program)
}
