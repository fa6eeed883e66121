// Describes the public API of a package as its built declarations state it, in an order that does not depend on the build.
import { readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import ts from 'typescript'

const OPTIONS = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts'],
  noEmit: true,
  skipLibCheck: true,
  types: [],
}
const printer = ts.createPrinter({ removeComments: true })
const byName = ([one], [other]) => (one < other ? -1 : one > other ? 1 : 0)

/** Returns the entry points of a package that have declarations, by the name that a program imports: `@iapeer/core/errors`. */
function entryPoints(directory) {
  const { name, exports = {} } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  return Object.entries(exports)
    .filter(([, target]) => typeof target.types === 'string')
    .map(([path, target]) => [join(name, path), join(directory, target.types)])
    .sort(byName)
}

/** Returns the statement of a declaration: that of a variable is two levels above it. */
const statementOf = (declaration) =>
  ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration

/** Returns the text of a declaration without comments, and without the hash in the name of a file that the build has split off. */
function textOf(declaration) {
  const text = printer.printNode(
    ts.EmitHint.Unspecified,
    statementOf(declaration),
    declaration.getSourceFile(),
  )
  return text.replace(/^(?:export )?(?:declare )?/, '').replace(/(\.d)-[\w-]{8}(?=\.js)/g, '$1')
}

/** Collects what the entry points of one package export, and the types of the same package that these use. */
class Collector {
  #checker
  #built
  /** By symbol: the entry point whose section declares it. */
  #declaredIn = new Map()
  #used = new Map()

  constructor(checker, built) {
    this.#checker = checker
    this.#built = built
  }

  #resolve(symbol) {
    return symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol
  }

  /** Returns the declarations of a symbol in the package itself. */
  #declarationsOf(symbol) {
    return (symbol.declarations ?? []).filter((one) => one.getSourceFile().fileName.startsWith(this.#built))
  }

  #use(node) {
    if (ts.isIdentifier(node)) {
      const found = this.#checker.getSymbolAtLocation(node)
      const symbol = found && this.#resolve(found)
      const isOwn =
        symbol !== undefined &&
        this.#declarationsOf(symbol).some((one) => ts.isSourceFile(statementOf(one).parent))
      if (isOwn && !this.#used.has(symbol)) {
        this.#used.set(symbol, symbol.name)
        for (const one of this.#declarationsOf(symbol)) this.#use(statementOf(one))
      }
    }
    ts.forEachChild(node, (child) => this.#use(child))
  }

  /** Returns the lines of one entry point. */
  entry(name, sourceFile) {
    const module = this.#checker.getSymbolAtLocation(sourceFile)
    const exported = module === undefined ? [] : this.#checker.getExportsOfModule(module)
    return exported
      .map((one) => [one.name, this.#resolve(one)])
      .sort(byName)
      .map(([as, symbol]) => {
        const elsewhere = this.#declaredIn.get(symbol)
        if (elsewhere !== undefined) return `export { ${as} } from '${elsewhere}'`
        const own = this.#declarationsOf(symbol)
        if (own.length === 0) return `export { ${as} } // of another package`
        this.#declaredIn.set(symbol, name)
        for (const one of own) this.#use(statementOf(one))
        const renamed = symbol.name === as ? '' : `// ${symbol.name} is exported as ${as}\n`
        return renamed + own.map((one) => `export ${textOf(one)}`).join('\n')
      })
  }

  /** Returns the declarations that exported ones use and that no entry point exports. */
  unexported() {
    return [...this.#used]
      .filter(([symbol]) => !this.#declaredIn.has(symbol))
      .map(([symbol]) => [symbol.name, this.#declarationsOf(symbol).map(textOf).join('\n')])
      .sort(([, one], [, other]) => byName([one], [other]))
      .map(([, text]) => text)
  }
}

const section = (title, blocks) =>
  `## ${title}\n\n\`\`\`ts\n${blocks.length === 0 ? '// nothing' : blocks.join('\n\n')}\n\`\`\`\n`

/**
 * Returns the reports of packages, which share one run of the compiler.
 * @param directories the directories of the built packages
 */
export function apiReports(directories) {
  const packages = directories.map((directory) => ({ directory, entries: entryPoints(directory) }))
  const files = packages.flatMap(({ entries }) => entries.map(([, file]) => file))
  const program = ts.createProgram(files, OPTIONS)
  const checker = program.getTypeChecker()
  return packages.map(({ directory, entries }) => {
    const collector = new Collector(checker, join(directory, 'dist') + sep)
    const sections = entries.map(([name, file]) => {
      const sourceFile = program.getSourceFile(file)
      if (sourceFile === undefined) throw new Error(`${file} is missing: run pnpm build`)
      return section(name, collector.entry(name, sourceFile))
    })
    const rest = collector.unexported()
    const unexported = rest.length === 0 ? [] : [section('Used by the above, and not exported', rest)]
    const { name } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
    const head = `# API of ${name}\n\nGenerated from the built declarations by \`pnpm generate:api\`. A change of this file is a change of what users depend on.\n`
    return { directory, hasEntries: entries.length > 0, text: [head, ...sections, ...unexported].join('\n') }
  })
}
