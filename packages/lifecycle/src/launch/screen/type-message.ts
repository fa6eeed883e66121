import { type Pane, pasteInto, press, watchPane } from './pane.ts'

/** A busy program handles Enter late. After this time Enter counts as lost and is pressed once more. */
const ENTER_AGAIN_MS = 8_000
/** How often Enter is pressed at most. */
const ENTERS = 2
/** How many characters of a text are compared to find out whether it is still in the input row. */
const HEAD = 24
/**
 * Time limit for typing a message. It is separate from the boot deadline, because an interrupted paste leaves an unknown state.
 */
const TYPE_MS = 20_000

/**
 * The result of typing a message. `taken`: it left the input row. `not-taken`: it is still there. `not-shown`: it was pasted but
 * never appeared there. `no-input`: there was no input row, so it was not pasted.
 */
export type Typed = 'taken' | 'not-taken' | 'not-shown' | 'no-input'

/** Removes control characters, which could end the paste or move the cursor, except newlines and tabs. */
const pastable = (text: string): string =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(/(?![\n\t])\p{Cc}/gu, '')
    .trim()

/** Returns the start of a text with its whitespace collapsed, because programs indent continuation lines. */
const headOf = (text: string): string => text.replace(/\s+/g, ' ').slice(0, HEAD)

/** Returns whether the text in an input row begins like a message. */
export const holdsMessage = (input: string, message: string): boolean =>
  headOf(input) === headOf(pastable(message))

const withTypingDeadline = (pane: Pane): Pane => ({ ...pane, deadline: performance.now() + TYPE_MS })

/** Sends the text in the input row and waits until it is gone from there, until the pane's deadline. */
async function send(pane: Pane, held: string): Promise<boolean> {
  let entersLeft = ENTERS
  let pressedAt = Number.NEGATIVE_INFINITY
  let wasIdle = false
  const { answer } = await watchPane(pane, async ({ reading: { input }, report }) => {
    if (input !== undefined && !input.startsWith(held.slice(0, HEAD))) return true
    // A program that reports itself busy after Enter has taken the message, whatever its screen shows.
    if (entersLeft < ENTERS && wasIdle && report?.status === 'busy') return true
    if (entersLeft === ENTERS) wasIdle = report?.status === 'idle'
    const isDue = entersLeft > 0 && performance.now() - pressedAt > ENTER_AGAIN_MS
    // Enter in a dialog would answer the dialog.
    if (input === undefined || report?.status === 'waiting' || !isDue) return undefined
    entersLeft--
    await press(pane, 'Enter')
    pressedAt = performance.now()
    return undefined
  })
  return answer === true
}

/**
 * Sends the text in the input row and waits until it is gone from there.
 * @param held the text in the input row
 * @returns whether the program took the text
 * @throws IapeerError `program-ended`, `interrupted`
 */
export const sendInput = (pane: Pane, held: string): Promise<boolean> => send(withTypingDeadline(pane), held)

/**
 * Sends a message as a person would: pastes it, waits until it appears in the input row, presses Enter, and waits until it is
 * gone from there.
 * @param onTyping called before the message is pasted
 * @throws IapeerError `program-ended`, `interrupted`
 */
export async function typeMessage(
  pane: Pane,
  message: string,
  onTyping: () => Promise<void> = async () => undefined,
): Promise<Typed> {
  const text = pastable(message)
  if (text === '') return 'taken'
  const typing = withTypingDeadline(pane)
  const { answer: before } = await watchPane(typing, ({ reading: { input }, report }) =>
    report?.status === 'waiting' ? undefined : input,
  )
  if (before === undefined) return 'no-input'
  await onTyping()
  await pasteInto(pane, text)
  let last: string | undefined
  const held = await watchPane(typing, ({ reading: { input } }) => {
    const previous = last
    last = input
    return input !== before && input === previous ? input : undefined
  })
  if (held.answer === undefined) return 'not-shown'
  return (await send(typing, held.answer)) ? 'taken' : 'not-taken'
}
