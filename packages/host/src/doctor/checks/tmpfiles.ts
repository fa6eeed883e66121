import { dirname, join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import type { Check, DoctorContext, Finding } from '../finding.ts'
import { type ConfigFile, readDropIns } from '../read.ts'

interface Rule {
  readonly type: string
  readonly path: string
  readonly age: string
  readonly file: string
}

/** Matches one field, quoted or not (tmpfiles.d(5)). */
const FIELD = /"((?:[^"\\]|\\.)*)"|(\S+)/g

/** Parses the rules of a tmpfiles.d file. Pure. */
function parseTmpfiles({ path: file, text }: ConfigFile): Rule[] {
  return text.split('\n').flatMap((line) => {
    if (/^\s*(#|$)/.test(line)) return []
    const [type = '', path = '', , , , age = '-'] = [...line.matchAll(FIELD)].map(([, a, b]) => a ?? b ?? '')
    return [{ type: type.charAt(0), path, age, file }]
  })
}

/** The types of rules that clean if they have an age. `D` also empties its directory at each boot. */
const CLEANING = 'qQdDveCxXrR'
const KEEPING = 'xX'

/** Converts a shell pattern, in which `*` and `?` stop at slashes (glob(7)), to a regular expression. */
function patternOf(glob: string): RegExp {
  const text = glob
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]')
  try {
    return new RegExp(`^${text.replaceAll('[!', '[^')}$`)
  } catch (error) {
    if (error instanceof SyntaxError) return /^$/
    throw error
  }
}

/** Whether a rule names a path or a directory above it. */
function covers(rule: Rule, path: string): boolean {
  const pattern = patternOf(rule.path)
  for (let at = path; ; at = dirname(at)) {
    if (at === rule.path || pattern.test(at)) return true
    if (dirname(at) === at) return false
  }
}

/** Returns the rule that cleans a path, if any: the deepest rule that covers it. Pure. */
function cleaningRule(rules: readonly Rule[], path: string): Rule | undefined {
  const covering = rules.filter((rule) => CLEANING.includes(rule.type) && covers(rule, path))
  if (covering.some((rule) => KEEPING.includes(rule.type))) return undefined
  const deepest = covering.toSorted((a, b) => b.path.length - a.path.length)[0]
  if (deepest === undefined) return undefined
  return deepest.age !== '-' || 'DrR'.includes(deepest.type) ? deepest : undefined
}

const effectOf = ({ age }: Rule): string =>
  age === '-' ? 'empties at boot' : `cleans of files older than ${age}`

async function runTmpfiles({ root, paths, system }: DoctorContext): Promise<Finding[]> {
  const directories = [paths.etc, paths.run, paths.usrLocalLib, paths.usrLib]
  const files = await readDropIns(
    directories.map((directory) => join(directory, 'tmpfiles.d')),
    '.conf',
  )
  const rules = files.flatMap(parseTmpfiles)
  const { socketDir } = rootLayout(root, system.env)
  const findings: Finding[] = []
  for (const [what, path] of [
    ['the root', root],
    ['the socket directory', socketDir],
  ] as const) {
    // The finding about the root covers this directory.
    if (path === socketDir && dirname(socketDir) === root && findings.length > 0) continue
    const fix = `Set ${path === root ? 'IAPEER_ROOT' : 'IAPEER_SOCK_DIR'} to a permanent directory, for example in your home.`
    const rule = cleaningRule(rules, path)
    const temporary = system.temporaryDirectories.find((directory) => path.startsWith(`${directory}/`))
    if (rule !== undefined)
      findings.push({
        id: 'cleaned-directory',
        level: 'warning',
        what: `${what} is in ${rule.path}, which systemd-tmpfiles ${effectOf(rule)}`,
        where: `${path} (${rule.file})`,
        fix,
      })
    else if (temporary !== undefined)
      findings.push({
        id: 'temporary-directory',
        level: 'note',
        what: `${what} is in the temporary directory ${temporary}, whose files may be removed`,
        where: path,
        fix,
      })
  }
  return findings.length > 0
    ? findings
    : [
        {
          id: 'directories-stay',
          level: 'ok',
          what: 'no temporary-file cleaner covers the root or its sockets',
        },
      ]
}

export const tmpfiles: Check = {
  id: 'tmpfiles',
  title: 'Temporary-file cleaners',
  group: 'host',
  run: runTmpfiles,
}
