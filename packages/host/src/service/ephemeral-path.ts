import { realpath } from 'node:fs/promises'
import { delimiter, isAbsolute, join, resolve, sep } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { defaultNvmVersion, defaultVoltaVersion } from './node-managers.ts'
import { checkSpec, type ServiceSpec, type ServiceSystem } from './spec.ts'

interface EphemeralPath {
  readonly why: string
  readonly hint: string
}

const INSTALL_FOR_GOOD =
  'Install iapeer for good first (npm install --global @iapeer/cli), then run this again.'

/** Directories of tools that run a package once, and of shells that end. */
const PASSING: readonly (readonly [RegExp, EphemeralPath])[] = [
  [/\/_npx\//, { why: 'lies in the cache of npx', hint: INSTALL_FOR_GOOD }],
  [
    /\/pnpm\/dlx(?:-[^/]*)?\/|\/dlx-[^/]+\//,
    { why: 'lies in a temporary directory of pnpm dlx', hint: INSTALL_FOR_GOOD },
  ],
  [/\/bunx-[^/]+\//, { why: 'lies in a temporary directory of bunx', hint: INSTALL_FOR_GOOD }],
  [
    /\/fnm_multishells\//,
    {
      why: 'belongs to one shell and goes with it',
      hint: 'Run this with the node of an installed version (fnm exec --using default).',
    },
  ],
]

const isInside = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory.endsWith(sep) ? directory : `${directory}${sep}`)

async function realOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return resolve(path)
  }
}

function passing(path: string, system: ServiceSystem): EphemeralPath | undefined {
  const known = PASSING.find(([pattern]) => pattern.test(`${path}/`))
  if (known !== undefined) return known[1]
  const directory = system.temporaryDirectories.find((one) => isInside(path, one))
  if (directory === undefined) return undefined
  return { why: `lies in the temporary directory ${directory}`, hint: 'Use a directory that stays.' }
}

/** A version that nobody promised to keep: the next upgrade of the default one is followed by its removal. */
async function passingVersion(path: string): Promise<EphemeralPath | undefined> {
  const nvm = /^(.*)\/versions\/node\/(v\d[^/]*)\//.exec(path)
  if (nvm !== null) {
    const [, directory = '', version = ''] = nvm
    const current = await defaultNvmVersion(directory)
    if (current === version) return undefined
    return {
      why: `is Node.js ${version}, and the default of nvm is ${current ?? 'not set'}`,
      hint: `nvm alias default ${version}, or run this with the default version.`,
    }
  }
  const fnm = /^(.*)\/node-versions\/(v\d[^/]*)\//.exec(path)
  if (fnm !== null) {
    const [, directory = '', version = ''] = fnm
    const current = await realOf(join(directory, 'aliases', 'default'))
    if (isInside(path, current) || current.includes(`/node-versions/${version}/`)) return undefined
    return {
      why: `is Node.js ${version}, which is not the default of fnm`,
      hint: `fnm default ${version}, or run this with the default version.`,
    }
  }
  const volta = /^(.*)\/tools\/image\/node\/(\d[^/]*)\//.exec(path)
  if (volta === null) return undefined
  const [, directory = '', version = ''] = volta
  const current = await defaultVoltaVersion(directory)
  if (current === version) return undefined
  return {
    why: `is Node.js ${version}, and the default of volta is ${current ?? 'not set'}`,
    hint: `volta install node@${version}, or run this with the default version.`,
  }
}

/** Why a path will not be there tomorrow, as it is written or where its links lead; undefined when it looks lasting. */
async function ephemeralPathOf(path: string, system: ServiceSystem): Promise<EphemeralPath | undefined> {
  const real = await realOf(path)
  return passing(path, system) ?? passing(real, system) ?? passingVersion(real)
}

/**
 * A service outlives the shell that installs it, and so must all that it names.
 * @throws IapeerError `service-path-vanishes`, `invalid-path`
 */
export async function assertStablePaths(spec: ServiceSpec, system: ServiceSystem): Promise<void> {
  checkSpec(spec)
  const named = { 'the root': spec.root, 'this Node.js': spec.node, 'the daemon': spec.entry }
  for (const [what, path] of Object.entries(named)) {
    const found = await ephemeralPathOf(path, system)
    if (found === undefined) continue
    throw new IapeerError(`${what} ${found.why}: ${path}`, {
      code: 'service-path-vanishes',
      hint: found.hint,
    })
  }
}

/** A PATH to be kept: without what is relative, passing or named twice. */
export function lastingPath(path: string, system: ServiceSystem): string {
  const directories = path
    .split(delimiter)
    .filter((directory) => isAbsolute(directory) && !/\p{Cc}/u.test(directory))
    .filter(
      (directory) => passing(directory, system) === undefined && !/\/node_modules\/\.bin\/?$/.test(directory),
    )
  return [...new Set(directories)].join(delimiter) || '/usr/local/bin:/usr/bin:/bin'
}
