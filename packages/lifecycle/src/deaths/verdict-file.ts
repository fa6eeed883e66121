import { join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { fieldsOf, list, number, parseFields, text, word } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { replaceFile } from '@iapeer/core/storage'
import {
  type Confidence,
  type Evidence,
  type Killer,
  RULES_VERSION,
  TOPICS,
  type Topic,
  VERDICT_WORDS,
  type Verdict,
} from '@iapeer/forensics'

/** A verdict as it was shown first, kept in `server-deaths/<identity>-<gen>.verdict`. */
export interface KeptVerdict {
  readonly verdict: Verdict
  /** The version of the rules that gave it. */
  readonly rules: number
  /** The files that it was judged from, and their sizes in bytes. */
  readonly inputs: Readonly<Record<string, number>>
  /** ISO-8601 UTC. */
  readonly judgedAt: string
}

/** Returns the path of `server-deaths/<identity>-<gen>.verdict`. */
export const verdictPath = (root: string, id: string): string =>
  join(rootLayout(root).records.deathsDir, `${id}.verdict`)

const CONFIDENCES: readonly Confidence[] = ['low', 'medium', 'high']

function evidenceOf(value: unknown): Evidence[] {
  return list(value).flatMap((one) => {
    const { section, fact, contradicts } = fieldsOf(one)
    const [where, what] = [text(section), text(fact)]
    if (where === undefined || what === undefined) return []
    return [{ section: where, fact: what, ...(contradicts === true ? { contradicts } : {}) }]
  })
}

function processOf(value: unknown): Omit<Killer, 'ancestors'> | undefined {
  const { pid, command, user, tty } = fieldsOf(value)
  const [id, line] = [number(pid), text(command)]
  if (id === undefined || line === undefined) return undefined
  const [owner, terminal] = [text(user), text(tty)]
  return {
    pid: id,
    command: line,
    ...(owner === undefined ? {} : { user: owner }),
    ...(terminal === undefined ? {} : { tty: terminal }),
  }
}

function killerOf(value: unknown): Killer | undefined {
  const own = processOf(value)
  const ancestors = list(fieldsOf(value)['ancestors']).flatMap((one) => processOf(one) ?? [])
  return own && { ...own, ancestors }
}

/** Parses a kept verdict. Returns undefined for anything else, such as a file that was cut: the death is judged again. */
export function parseVerdictFile(content: string): KeptVerdict | undefined {
  const fields = parseFields(content) ?? {}
  const verdict = word(fields['verdict'], VERDICT_WORDS)
  const confidence = word(fields['confidence'], CONFIDENCES)
  const [summary, judgedAt] = [text(fields['summary']), text(fields['judgedAt'])]
  const rules = number(fields['rules'])
  const isWhole = verdict !== undefined && confidence !== undefined && summary !== undefined
  if (!isWhole || judgedAt === undefined || rules === undefined) return undefined
  const topic: Topic | undefined = word(fields['topic'], TOPICS)
  const killer = killerOf(fields['killer'])
  const sizes = Object.entries(fieldsOf(fields['inputs'])).flatMap(([name, size]) => {
    const bytes = number(size)
    return bytes === undefined ? [] : [[name, bytes] as const]
  })
  return {
    rules,
    judgedAt,
    inputs: Object.fromEntries(sizes),
    verdict: {
      verdict,
      confidence,
      summary,
      evidence: evidenceOf(fields['evidence']),
      ...(topic === undefined ? {} : { topic }),
      ...(killer === undefined ? {} : { killer }),
    },
  }
}

/**
 * Keeps a verdict, so that what was shown once stays. A failure (full disk, a user who may only read) is not an error: the same
 * rules give the same verdict from the same files.
 */
export async function keepVerdict(
  path: string,
  verdict: Verdict,
  { inputs, now }: { readonly inputs: Readonly<Record<string, number>>; readonly now: Date },
): Promise<void> {
  const kept = { schemaVersion: 1, rules: RULES_VERSION, judgedAt: now.toISOString(), inputs, ...verdict }
  try {
    await replaceFile(path, `${JSON.stringify(kept)}\n`)
  } catch (error) {
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
  }
}
