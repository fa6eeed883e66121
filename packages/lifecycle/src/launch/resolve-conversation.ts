import type { PinnedConversation } from '../sessions/index.ts'

/** What is known about the conversation that a launch would resume. */
export interface ConversationFacts {
  /** The pinned one. Undefined: no session of this version has run. */
  readonly pinned: PinnedConversation | undefined
  /** Whether the runtime has it stored. */
  readonly isStored: boolean
  /** Whether the file of the pinned one exists, wherever it is. @default false */
  readonly isElsewhere?: boolean
  /** Who has it open: `process 812`, `claude-ann`. Undefined: it is free. */
  readonly holder: string | undefined
}

/**
 * Whether a conversation can be resumed. `resumable`: yes. `no-first-turn`: nothing is in it yet, so it begins again. `gone`: it had
 * turns, and its file is not there. `held`: a running process has it open. `unsaid`: its program never said which one it is. `none`:
 * none is known.
 */
export type Resolution =
  | { readonly kind: 'resumable'; readonly id: string }
  | { readonly kind: 'no-first-turn'; readonly id: string | undefined }
  | {
      readonly kind: 'gone'
      readonly id: string
      readonly path: string | undefined
      /** Set where the file exists, in another directory than the launch would use. */
      readonly isElsewhere?: true
    }
  | { readonly kind: 'held'; readonly id: string; readonly holder: string }
  | { readonly kind: 'unsaid' }
  | { readonly kind: 'none' }

/** Decides whether a conversation can be resumed. Pure. */
export function resolveConversation(facts: ConversationFacts): Resolution {
  const { pinned, isStored, isElsewhere = false, holder } = facts
  if (pinned === undefined) return { kind: 'none' }
  const { id, hasTurn, path, confirmedAt } = pinned
  if (id === undefined)
    return hasTurn === false ? { kind: 'no-first-turn', id: undefined } : { kind: 'unsaid' }
  if (holder !== undefined) return { kind: 'held', id, holder }
  if (isStored) return { kind: 'resumable', id }
  // The program was in it, and whether it had a turn is not known: the first message is not typed into a new one then.
  const isUnused = hasTurn === false || (hasTurn === undefined && confirmedAt === undefined)
  if (isUnused) return { kind: 'no-first-turn', id }
  return { kind: 'gone', id, path, ...(isElsewhere ? { isElsewhere } : {}) }
}

/** A resolution with which nothing can be resumed. */
export type Unresumable = Exclude<Resolution, { readonly kind: 'resumable' | 'no-first-turn' }>

function goneText({ id, path, isElsewhere }: Extract<Resolution, { readonly kind: 'gone' }>): string {
  if (path === undefined) return `the conversation ${id} does not exist`
  return isElsewhere === true
    ? `the conversation ${id} is in ${path}, where the program does not look now (HOME, CLAUDE_CONFIG_DIR or CODEX_HOME is another one)`
    : `the conversation ${id} is gone: ${path} does not exist`
}

/** Returns why a conversation cannot be resumed, to follow "it cannot be resumed:". */
export function whyNot(resolution: Unresumable): string {
  switch (resolution.kind) {
    case 'gone':
      return goneText(resolution)
    case 'held':
      return `the conversation ${resolution.id} is in use by ${resolution.holder}`
    case 'unsaid':
      return 'its program never said which conversation it was in'
    case 'none':
      return 'iapeer knows no conversation of it: it has not run since this version was installed'
  }
}

/** The code of the error for each of them. */
export const UNRESUMABLE_CODES = {
  gone: { code: 'conversation-gone' },
  held: { code: 'conversation-held' },
  unsaid: { code: 'conversation-unknown' },
  none: { code: 'conversation-unknown' },
} as const satisfies Record<Unresumable['kind'], { readonly code: string }>
