import { realpath } from 'node:fs/promises'
import { delimiter, isAbsolute, join, resolve, sep } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { defaultNvmVersion, defaultVoltaVersion } from './node-managers.ts'
import { checkSpec, type ServiceSpec, type ServiceSystem } from './spec.ts'

interface EphemeralPath {
  readonly why: string
  readonly hint: string
}

const INSTALL_PERMANENTLY =
  'Install iapeer permanently first (npm install --global @iapeer/cli), then run this again.'

/** Directories of tools that run a package once, and of shells. */
const KNOWN: readonly (readonly [RegExp, EphemeralPath])[] = [
  [/\/_npx\//, { why: 'is in the cache of npx', hint: INSTALL_PERMANENTLY }],
  [
    /\/pnpm\/dlx(?:-[^/]*)?\/|\/dlx-[^/]+\//,
    { why: 'is in a temporary directory of pnpm dlx', hint: INSTALL_PERMANENTLY },
  ],
  [/\/bunx-[^/]+\//, { why: 'is in a temporary directory of bunx', hint: INSTALL_PERMANENTLY }],
  [
    /\/fnm_multishells\//,
    {
      why: 'belongs to one shell and is removed when that shell exits',
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

function temporaryPath(path: string, system: ServiceSystem): EphemeralPath | undefined {
  const known = KNOWN.find(([pattern]) => pattern.test(`${path}/`))
  if (known !== undefined) return known[1]
  const directory = system.temporaryDirectories.find((one) => isInside(path, one))
  if (directory === undefined) return undefined
  return {
    why: `is in the temporary directory ${directory}`,
    hint: 'Use a permanent directory, for example in your home.',
  }
}

/** Checks for a Node.js of a version manager that is not the default version: users remove such versions after an upgrade. */
async function unstableVersion(path: string): Promise<EphemeralPath | undefined> {
  const nvm = /^(.*)\/versions\/node\/(v\d[^/]*)\//.exec(path)
  if (nvm !== null) {
    const [, directory = '', version = ''] = nvm
    const current = await defaultNvmVersion(directory)
    if (current === version) return undefined
    return {
      why: `is Node.js ${version}, but the default of nvm is ${current ?? 'not set'}`,
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
    why: `is Node.js ${version}, but the default of volta is ${current ?? 'not set'}`,
    hint: `volta install node@${version}, or run this with the default version.`,
  }
}

/** Returns why a path, or the path that its links resolve to, will probably be removed; undefined if it looks permanent. */
async function ephemeralPathOf(path: string, system: ServiceSystem): Promise<EphemeralPath | undefined> {
  const real = await realOf(path)
  return temporaryPath(path, system) ?? temporaryPath(real, system) ?? unstableVersion(real)
}

/**
 * Checks that the paths of a service are permanent: the service keeps running after the shell that installs it has exited.
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

/** Returns a PATH without its relative, temporary and duplicate directories. */
export function withoutEphemeralPaths(path: string, system: ServiceSystem): string {
  const directories = path
    .split(delimiter)
    .filter((directory) => isAbsolute(directory) && !/\p{Cc}/u.test(directory))
    .filter(
      (directory) =>
        temporaryPath(directory, system) === undefined && !/\/node_modules\/\.bin\/?$/.test(directory),
    )
  return [...new Set(directories)].join(delimiter) || '/usr/local/bin:/usr/bin:/bin'
}
