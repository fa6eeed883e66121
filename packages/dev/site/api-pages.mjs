// Writes the pages of the TypeScript API of each published package, from its declarations, with the entries of the navigation.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application } from 'typedoc'

const PACKAGES = fileURLToPath(new URL('../../', import.meta.url))

/** Returns the published packages whose exports have declarations, with the path of each. */
function packagesWithDeclarations() {
  return readdirSync(PACKAGES).flatMap((directory) => {
    const path = join(PACKAGES, directory)
    const { name, private: isPrivate, exports = {} } = JSON.parse(readFileSync(join(path, 'package.json')))
    const entries = Object.values(exports).flatMap(({ types }) =>
      types === undefined ? [] : [join(path, types)],
    )
    return isPrivate === true || entries.length === 0 ? [] : [{ directory, name, path, entries }]
  })
}

/** Writes the pages of one package. @throws where a declaration cannot be read */
async function writePackage({ name, path, entries }, out) {
  const tsconfig = join(out, 'tsconfig.json')
  mkdirSync(out, { recursive: true })
  const compilerOptions = { types: ['node'], noEmit: true }
  writeFileSync(
    tsconfig,
    JSON.stringify({ extends: join(path, 'tsconfig.json'), compilerOptions, include: [], files: entries }),
  )
  const application = await Application.bootstrapWithPlugins({
    name,
    entryPoints: entries,
    tsconfig,
    out,
    plugin: ['typedoc-plugin-markdown'],
    router: 'module',
    readme: 'none',
    disableSources: true,
    hideBreadcrumbs: true,
    hidePageHeader: true,
    excludeExternals: true,
    skipErrorChecking: true,
    githubPages: false,
    logLevel: 'Error',
    entryFileName: 'index',
    cleanOutputDir: false,
  })
  const project = await application.convert()
  if (project === undefined) throw new Error(`the declarations of ${name} cannot be read`)
  await application.generateOutputs(project)
  rmSync(tsconfig)
}

/** Writes the pages into a directory that is replaced, and `navigation.json` beside them. */
export async function writeApiPages(out) {
  rmSync(out, { recursive: true, force: true })
  const packages = packagesWithDeclarations()
  for (const one of packages) await writePackage(one, join(out, one.directory))
  const items = packages.map(({ name, directory }) => ({ text: name, link: `/api/${directory}/` }))
  writeFileSync(
    join(out, 'navigation.json'),
    JSON.stringify([{ text: 'TypeScript API', collapsed: true, items }]),
  )
}
