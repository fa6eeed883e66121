import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type OutputChunk, type OutputOptions, type Plugin, rolldown } from 'rolldown'
import type { Options } from 'tsup'
import { type Piece, planChunks } from './chunk-plan.ts'
import { REPOSITORY } from './workspace.ts'

/** The tsup configurations of packages, by the names of their directories. */
type PackageConfigs = Readonly<Record<string, unknown>>

interface ChunkedBuild {
  /** The file that is loaded first, in the current directory. */
  readonly entry: string
  /** The name of its output, without `.js`. Every other output has a name that the bundler chooses. */
  readonly name: string
  readonly packages: PackageConfigs
  /** Libraries that are not bundled. */
  readonly external: readonly string[]
}

/** Returns the source of each entry of a package, by the name of the entry. */
function sourcesOf(config: unknown): Readonly<Record<string, string>> {
  const { entry } = config as Options
  if (typeof entry === 'object' && !Array.isArray(entry)) return entry
  throw new Error('expected a tsup configuration that names its entries')
}

/** Resolves a package of this repository to its sources: its `dist` is divided for other purposes. */
const fromSources = (packages: PackageConfigs): Plugin => ({
  name: 'from-sources',
  resolveId: {
    filter: { id: /^@iapeer\// },
    handler: (id) => {
      const [, name = '', ...words] = id.split('/')
      if (!(name in packages)) return undefined
      const source = sourcesOf(packages[name])[words.join('/') || 'index']
      const path = join(REPOSITORY, 'packages', name, source ?? '')
      if (source !== undefined && existsSync(path)) return path
      throw new Error(`${id} has no source: ${path}`)
    },
  },
})

/** The modules of this repository do nothing when they are loaded, so one that no code uses is left out. */
const MODULES_WITHOUT_EFFECTS = [{ test: /\/(packages|apps)\/[^/]+\/src\//, sideEffects: false }]

const OUTPUT = {
  dir: 'dist',
  format: 'esm',
  sourcemap: true,
  comments: false,
  chunkFileNames: '[name]-[hash].js',
  entryFileNames: '[name].js',
} satisfies OutputOptions

const isEntry = ({ facadeModuleId }: OutputChunk): boolean => typeof facadeModuleId === 'string'

const pieceOf = (chunk: OutputChunk): Piece => ({
  name: chunk.fileName,
  bytes: chunk.code.length,
  imports: chunk.imports,
  isEntry: isEntry(chunk),
})

/** Returns the name of the planned file of each module that several entries load. */
function fileNames(chunks: readonly OutputChunk[], name: string): ReadonlyMap<string, string> {
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]))
  return new Map(
    planChunks(chunks.map(pieceOf), `${name}.js`).flatMap((pieces, at) =>
      pieces
        .flatMap((piece) => byName.get(piece) ?? [])
        .filter((chunk) => !isEntry(chunk))
        .flatMap(({ moduleIds }) => moduleIds.map((id): [string, string] => [id, `shared-${at}`])),
    ),
  )
}

/**
 * Builds a program that loads only the code that it uses: each dynamic import becomes a file, and the code that several of them use
 * is divided into few files ({@link planChunks}).
 */
export async function buildInChunks({ entry, name, packages, external }: ChunkedBuild): Promise<void> {
  const bundle = await rolldown({
    input: { [name]: entry },
    platform: 'node',
    external: [...external],
    plugins: [fromSources(packages)],
    transform: { target: 'node20' },
    treeshake: { moduleSideEffects: MODULES_WITHOUT_EFFECTS },
    preserveEntrySignatures: 'allow-extension',
    checks: { ineffectiveDynamicImport: false },
  })
  try {
    const exact = await bundle.generate({ ...OUTPUT, sourcemap: false })
    const names = fileNames(
      exact.output.filter((one) => one.type === 'chunk'),
      name,
    )
    const planned = {
      debugName: 'planned',
      name: (id: string) => names.get(id),
      includeDependenciesRecursively: false,
    }
    await bundle.write({ ...OUTPUT, codeSplitting: { groups: [planned] } })
  } finally {
    await bundle.close()
  }
}
