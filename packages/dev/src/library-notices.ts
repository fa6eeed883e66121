import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A part of the metafile of esbuild: https://esbuild.github.io/api/#metafile */
interface Metafile {
  readonly outputs: Readonly<Record<string, { readonly inputs: Readonly<Record<string, unknown>> }>>
}

const LIBRARY = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/

/** Returns the license of a library as it has it: its file, or what its package.json names. */
function noticeOf(directory: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  const file = readdirSync(directory).find((one) => /^licen[cs]e/i.test(one))
  const text = file === undefined ? `License: ${license}` : readFileSync(join(directory, file), 'utf8').trim()
  return `${name} ${version}\n\n${text}\n`
}

/** Writes the licenses of the libraries whose code a bundle has, and removes the metafile that names them. */
export function writeLibraryNotices(metafile: string, path: string): void {
  const { outputs }: Metafile = JSON.parse(readFileSync(metafile, 'utf8'))
  const files = Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs))
  const libraries = new Set(files.flatMap((file) => LIBRARY.exec(file)?.[0] ?? []))
  writeFileSync(
    path,
    [...libraries]
      .map(noticeOf)
      .sort()
      .join(`\n${'-'.repeat(80)}\n\n`),
  )
  rmSync(metafile)
}
