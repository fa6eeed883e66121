import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url))

const PUBLISHED_KINDS = ['dependencies', 'peerDependencies', 'optionalDependencies'] as const
const KINDS = [...PUBLISHED_KINDS, 'devDependencies'] as const

export interface Manifest extends Partial<Record<(typeof KINDS)[number], Readonly<Record<string, string>>>> {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly homepage?: string
  readonly bugs?: { readonly url?: string }
  readonly repository?: { readonly type?: string; readonly url?: string; readonly directory?: string }
  readonly keywords?: readonly string[]
}

export interface WorkspacePackage {
  /** From the root of the repository: `packages/core`. */
  readonly directory: string
  readonly manifest: Manifest
}

/** Lists every package of this repository, including its root. */
export function workspacePackages(): WorkspacePackage[] {
  const directories = ['packages', 'apps'].flatMap((parent) =>
    readdirSync(join(REPOSITORY, parent)).map((name) => join(parent, name)),
  )
  return ['.', ...directories, 'examples']
    .filter((directory) => existsSync(join(REPOSITORY, directory, 'package.json')))
    .map((directory) => ({
      directory,
      manifest: JSON.parse(readFileSync(join(REPOSITORY, directory, 'package.json'), 'utf8')),
    }))
}

/** Lists the packages that are published. */
export const publishedPackages = (): WorkspacePackage[] =>
  workspacePackages().filter(({ manifest }) => manifest.private !== true)

/** The package of the command contains the daemon, so both have the same version. */
const SAME_VERSION = ['@iapeer/cli', '@iapeer/daemon']

/**
 * Returns the faults in the dependencies of a workspace, one line each. npm packs dependencies unchanged, so each must be an
 * exact version, a package of this repository must be required in its current version, and a published package must not
 * depend on a private one. Pure.
 */
export function dependencyFaults(manifests: readonly Manifest[]): string[] {
  const own = new Map(manifests.map((manifest) => [manifest.name, manifest]))
  const seen = new Map<string, { readonly version: string; readonly by: string }>()
  const faults: string[] = []
  for (const { name: by, private: isPrivate, ...manifest } of manifests) {
    for (const kind of KINDS) {
      for (const [name, version] of Object.entries(manifest[kind] ?? {})) {
        const found = `${by}: ${kind} has ${name} ${JSON.stringify(version)}`
        const wanted = own.get(name)?.version ?? seen.get(name)?.version
        if (wanted !== undefined && version !== wanted)
          faults.push(
            `${found}, expected ${JSON.stringify(wanted)} as in ${seen.get(name)?.by ?? 'its package'}`,
          )
        else if (!/^(npm:[\w./-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
          faults.push(`${found}, expected an exact version`)
        if (isPrivate !== true && kind !== 'devDependencies' && own.get(name)?.private === true)
          faults.push(`${found}, which is not published`)
        if (!seen.has(name)) seen.set(name, { version, by })
      }
    }
  }
  const versions = new Set(SAME_VERSION.flatMap((name) => own.get(name)?.version ?? []))
  if (versions.size > 1) faults.push(`${SAME_VERSION.join(' and ')} have different versions`)
  return faults
}

const PAGE = 'https://github.com/iapeer/iapeer'

/** Returns the fields of a published package that do not lead from its registry page to the repository. Pure. */
export function metadataFaults({ directory, manifest }: WorkspacePackage): string[] {
  const { homepage, bugs, repository, keywords } = manifest
  const wanted = {
    homepage: [homepage, `${PAGE}/tree/main/${directory}#readme`],
    'bugs.url': [bugs?.url, `${PAGE}/issues`],
    'repository.type': [repository?.type, 'git'],
    'repository.url': [repository?.url, `git+${PAGE}.git`],
    'repository.directory': [repository?.directory, directory],
  }
  const faults = Object.entries(wanted)
    .filter(([, [found, expected]]) => found !== expected)
    .map(([field, [found, expected]]) => `${field} is ${JSON.stringify(found)}, expected "${expected}"`)
  return new Set(keywords).size >= 3 ? faults : [...faults, 'keywords has fewer than 3 words']
}

/** Returns the packages that built JavaScript or declarations import, except modules of Node.js. Pure. */
export function importedPackages(text: string): string[] {
  const required = [...text.matchAll(/requireLibrary\d*\(import\.meta\.url, ?["']([^"']+)["']\)/g)]
  const names = [
    ...ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName),
    ...required.map(([, name = '']) => name),
  ]
  return [
    ...new Set(
      names
        .filter((name) => !/^[./]|^node:/.test(name) && !builtinModules.includes(name))
        .map((name) =>
          name
            .split('/')
            .slice(0, name.startsWith('@') ? 2 : 1)
            .join('/'),
        ),
    ),
  ].sort()
}
