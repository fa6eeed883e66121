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

/** One field, quoted or not (tmpfiles.d(5)). */
const FIELD = /"((?:[^"\\]|\\.)*)"|(\S+)/g

/** Pure. */
function parseTmpfiles({ path: file, text }: ConfigFile): Rule[] {
  return text.split('\n').flatMap((line) => {
    if (/^\s*(#|$)/.test(line)) return []
    const [type = '', path = '', , , , age = '-'] = [...line.matchAll(FIELD)].map(([, a, b]) => a ?? b ?? '')
    return [{ type: type.charAt(0), path, age, file }]
  })
}

/** Lines that clean when they have an age; `D` empties its directory at each boot besides. */
const CLEANING = 'qQdDveCxXrR'
const KEEPING = 'xX'

/** A shell pattern in which `*` and `?` stop at slashes (glob(7)). */
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

/** Whether a path, or a directory above it, is what a rule names. */
function covers(rule: Rule, path: string): boolean {
  const pattern = patternOf(rule.path)
  for (let at = path; ; at = dirname(at)) {
    if (at === rule.path || pattern.test(at)) return true
    if (dirname(at) === at) return false
  }
}

/** The rule by which a path is cleaned, if any: the deepest one that covers it. Pure. */
function cleaningRule(rules: readonly Rule[], path: string): Rule | undefined {
  const covering = rules.filter((rule) => CLEANING.includes(rule.type) && covers(rule, path))
  if (covering.some((rule) => KEEPING.includes(rule.type))) return undefined
  const deepest = covering.toSorted((a, b) => b.path.length - a.path.length)[0]
  if (deepest === undefined) return undefined
  return deepest.age !== '-' || 'DrR'.includes(deepest.type) ? deepest : undefined
}

const said = ({ age }: Rule): string =>
  age === '-' ? 'empties at a boot' : `cleans of what is older than ${age}`

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
    ['the directory of the sockets', socketDir],
  ] as const) {
    // Said once, of the directory above.
    if (path === socketDir && dirname(socketDir) === root && findings.length > 0) continue
    const fix = `Set ${path === root ? 'IAPEER_ROOT' : 'IAPEER_SOCK_DIR'} to a directory that stays, in your home for example.`
    const rule = cleaningRule(rules, path)
    const temporary = system.temporaryDirectories.find((directory) => path.startsWith(`${directory}/`))
    if (rule !== undefined)
      findings.push({
        id: 'cleaned-directory',
        level: 'warning',
        what: `${what} lies in ${rule.path}, which systemd-tmpfiles ${said(rule)}`,
        where: `${path} (${rule.file})`,
        fix,
      })
    else if (temporary !== undefined)
      findings.push({
        id: 'temporary-directory',
        level: 'note',
        what: `${what} lies in ${temporary}, whose content goes by itself`,
        where: path,
        fix,
      })
  }
  return findings.length > 0
    ? findings
    : [{ id: 'directories-stay', level: 'ok', what: 'nothing cleans the root or its sockets' }]
}

export const tmpfiles: Check = { id: 'tmpfiles', title: 'Cleaners', group: 'host', run: runTmpfiles }
