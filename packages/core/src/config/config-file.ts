import { chmod, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { parse, TomlError } from 'smol-toml'
import { errnoOf, IapeerError } from '../errors/index.ts'
import { writeFileAtomic } from '../storage/atomic-write.ts'
import { withLock } from '../storage/lock.ts'
import { makePrivateDirectory } from '../storage/private-directory.ts'
import { readIfExists } from '../storage/read-if-exists.ts'
import { checkedText, FILE_SETTINGS, type FileSetting, textOfValue, tomlOf } from './config-values.ts'
import { editToml, lineOf } from './toml-lines.ts'

/** A setting that the configuration file states. */
export interface ConfigEntry {
  readonly setting: FileSetting
  /** The text in the file; a secret can be `file:PATH` or `env:NAME`. */
  readonly stated: string
  /** The value, of a secret the resolved one. */
  readonly text: string
  /** From 1; undefined if the line was not found. */
  readonly line: number | undefined
}

/** What is wrong with the configuration file. */
export interface ConfigProblem {
  /** One line, with the path and the line in the file. */
  readonly message: string
  /** The same without a line of the file, which could have a secret. */
  readonly withoutContent: string
  /** Undefined if it concerns the whole file, or a key that no setting has. */
  readonly setting: FileSetting | undefined
}

/** The content of the configuration file. */
export interface Config {
  readonly path: string
  readonly entries: readonly ConfigEntry[]
  /** The settings concerned are not in `entries`. */
  readonly problems: readonly ConfigProblem[]
}

/** Returns the path of the configuration file of a root. */
export const configPath = (root: string): string => join(root, 'config.toml')

type Table = Readonly<Record<string, unknown>>

const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)

/** @throws IapeerError `corrupt-config` with the line and the column */
function parseToml(text: string, path: string): Table {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const { line, column } = error
    const [first = ''] = error.message.split('\n')
    const shown = text.split(/\r?\n/)[line - 1]?.trim() ?? ''
    throw new IapeerError(
      `${path}:${line}:${column}: ${first.replace(/^Invalid TOML document: /, '')}: ${shown.slice(0, 80)}`,
      { code: 'corrupt-config', hint: 'Correct that line; iapeer did not change the file.', cause: error },
    )
  }
}

/** Returns the values of the tables, by dotted key. */
function flatten(table: Table): Map<string, unknown> {
  const found = new Map<string, unknown>()
  for (const [section, content] of Object.entries(table))
    if (isTable(content)) {
      for (const [name, value] of Object.entries(content)) found.set(`${section}.${name}`, value)
    } else found.set(section, content)
  return found
}

/**
 * Reads the configuration file of a root. A file that is missing is empty; one that is not TOML has no entries and a problem.
 * @param env the environment of secrets that are stated as `env:NAME`
 * @throws the Node.js system error
 */
export function readConfig(root: string, env: NodeJS.ProcessEnv = process.env): Config {
  const path = configPath(root)
  const text = readIfExists(path)
  const entries: ConfigEntry[] = []
  const problems: ConfigProblem[] = []
  let values: Map<string, unknown>
  try {
    values = flatten(text === undefined ? {} : parseToml(text, path))
  } catch (error) {
    if (!(error instanceof IapeerError)) throw error
    const { message } = error
    const withoutContent = /^(.*?:\d+:\d+): /s.exec(message)?.[1]
    const problem = { message, withoutContent: `${withoutContent ?? path}: invalid TOML`, setting: undefined }
    return { path, entries, problems: [problem] }
  }
  for (const [key, value] of values) {
    const line = lineOf(text ?? '', key)
    const where = line === undefined ? path : `${path}:${line}`
    const setting = FILE_SETTINGS.find((one) => one.key === key)
    try {
      if (setting === undefined) throw new IapeerError(`unknown setting ${key}`, { code: 'unknown-setting' })
      const stated = textOfValue(setting, value)
      entries.push({ setting, stated, text: checkedText(setting, stated, env), line })
    } catch (error) {
      if (!(error instanceof IapeerError)) throw error
      const message = `${where}: ${error.message}`
      problems.push({ message, withoutContent: message, setting })
    }
  }
  return { path, entries, problems }
}

/** Returns the values of a configuration, by environment variable. */
export const valuesOf = ({ entries }: Config): Map<string, string> =>
  new Map(entries.map(({ setting, text }) => [setting.variable, text]))

function withValue(table: Table, key: string, value: unknown): Map<string, unknown> {
  const values = flatten(table)
  if (value === undefined) values.delete(key)
  else values.set(key, value)
  return values
}

const asText = (values: ReadonlyMap<string, unknown>): Record<string, unknown> => Object.fromEntries(values)

/** Follows a link, so that the file it leads to is replaced and not the link. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return path
    throw error
  }
}

/**
 * Sets or removes a setting in the configuration file of a root, 0600. Comments, the order and every other line stay.
 * @param text the text of a valid value; undefined removes the setting
 * @throws IapeerError `corrupt-config`, `config-not-edited`, `lock-held`; the Node.js system error. The file is unchanged then.
 */
export async function writeConfig(
  root: string,
  setting: FileSetting,
  text: string | undefined,
): Promise<void> {
  const path = configPath(root)
  await makePrivateDirectory(root)
  await withLock(`${path}.lock`, async () => {
    const target = await targetOf(path)
    const before = readIfExists(target) ?? ''
    const toml = text === undefined ? undefined : tomlOf(setting, text)
    const after = editToml(before, setting.key, toml)
    const value = toml === undefined ? undefined : parse(`value = ${toml}`)['value']
    const wanted = withValue(parseToml(before, path), setting.key, value)
    if (!isEdited(after, wanted))
      throw new IapeerError(`iapeer cannot edit ${setting.key} in ${path} without changing other lines`, {
        code: 'config-not-edited',
        hint: `Edit that file: it must state ${setting.key}${toml === undefined ? ' nowhere' : ` = ${setting.secret === true ? '...' : toml}`}.`,
      })
    if (after === before && text === undefined) return
    await writeFileAtomic(target, after)
    await chmod(target, 0o600)
  })
}

/** Returns whether an edited text has exactly the wanted values. */
function isEdited(after: string, wanted: ReadonlyMap<string, unknown>): boolean {
  try {
    return isDeepStrictEqual(asText(flatten(parse(after))), asText(wanted))
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    return false
  }
}
