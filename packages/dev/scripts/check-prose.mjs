// Checks the texts of the repository against packages/dev/prose/terms.json: Markdown, the generated pages among it, and the
// sources. Prints `file:line:column: message` for each use of a term, and exits 1 where there is one.
// --root <directory> checks another git working tree than this one.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { TextlintKernel } from '@textlint/kernel'
import markdownModule from '@textlint/textlint-plugin-markdown'
import { avoidedTerms } from '../prose/markdown-rule.mjs'
import { usesInSource } from '../prose/source-lines.mjs'
import { messageOf, readTerms } from '../prose/terms.mjs'

const { values } = parseArgs({ options: { root: { type: 'string' } } })
const root = values.root ?? fileURLToPath(new URL('../../../', import.meta.url))
const { terms, source, notProse, proseInCode } = readTerms()

/** Files that git tracks or would track, without those that hold other programs' words. */
function filesOf(...patterns) {
  const excluded = notProse.map((pattern) => `:(exclude,glob)${pattern}`)
  const args = [
    'ls-files',
    '-z',
    '--cached',
    '--others',
    '--exclude-standard',
    '--',
    ...patterns,
    ...excluded,
  ]
  const text = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 })
  return [...new Set(text.split('\0').filter((path) => path !== ''))].sort()
}

/** The text of a file; undefined where it is deleted and git does not know yet. */
function textOf(path) {
  try {
    return readFileSync(join(root, path), 'utf8')
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    return undefined
  }
}

const kernel = new TextlintKernel()
const markdown = markdownModule.default ?? markdownModule

async function usesInMarkdown(path, text) {
  const { messages } = await kernel.lintText(text, {
    ext: '.md',
    filePath: path,
    plugins: [{ pluginId: 'markdown', plugin: markdown }],
    rules: [
      {
        ruleId: 'avoided-terms',
        rule: avoidedTerms,
        options: { terms, codeToo: proseInCode.includes(path) },
      },
    ],
  })
  return messages.map(({ message, loc }) => ({ message, ...loc.start }))
}

let [findings, files] = [0, 0]
function print(path, uses) {
  files += uses.length === 0 ? 0 : 1
  findings += uses.length
  for (const { line, column, message } of uses)
    process.stdout.write(`${path}:${line}:${column}: ${message}\n`)
}

for (const path of filesOf(':(glob)**/*.md')) {
  const text = textOf(path)
  if (text !== undefined) print(path, await usesInMarkdown(path, text))
}
const sources = source.directories.map((directory) => `:(glob)${directory}/**`)
for (const path of filesOf(...sources).filter((one) => !one.endsWith('.md'))) {
  const text = textOf(path)
  if (text === undefined) continue
  const uses = usesInSource(source.terms, text)
  print(
    path,
    uses.map((use) => ({ ...use, message: messageOf(use) })),
  )
}

if (findings > 0) {
  process.stdout.write(
    `\n${findings} uses of avoided terms in ${files} files (packages/dev/prose/terms.json)\n`,
  )
  process.exitCode = 1
}
