import { type Pane, pasteInto, press, watchPane } from './pane.ts'

/** A program that is busy takes an Enter late; one that was lost is pressed once more. */
const ENTER_AGAIN_MS = 8_000
const ENTERS = 2
/** So much of a text tells whether it still stands in the input row. */
const HEAD = 24
/** A message that is being typed has a time of its own: cut off in the middle, nothing tells how much of it was taken. */
const TYPE_MS = 20_000

/**
 * `taken`: it left the input row. `not-taken`: it still stands there. `not-shown`: it was pasted and never showed there.
 * `no-input`: there was no input row, so it was not pasted.
 */
export type Typed = 'taken' | 'not-taken' | 'not-shown' | 'no-input'

/** Line breaks stay; whatever else could end the paste or move the cursor goes. */
const pastable = (text: string): string =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(/(?![\n\t])\p{Cc}/gu, '')
    .trim()

/** Programs indent the lines behind the first one. */
const headOf = (text: string): string => text.replace(/\s+/g, ' ').slice(0, HEAD)

/** Whether the text in an input row is the beginning of a message. */
export const holdsMessage = (input: string, message: string): boolean =>
  headOf(input) === headOf(pastable(message))

const forTyping = (pane: Pane): Pane => ({ ...pane, deadline: performance.now() + TYPE_MS })

/** Sends what the input row holds, and sees it gone from there, before the pane's deadline. */
async function send(pane: Pane, held: string): Promise<boolean> {
  let left = ENTERS
  let pressedAt = Number.NEGATIVE_INFINITY
  let wasIdle = false
  const { answer } = await watchPane(pane, async ({ reading: { input }, report }) => {
    if (input !== undefined && !input.startsWith(held.slice(0, HEAD))) return true
    // A program that says that it works has taken it, whatever stands on its screen by then.
    if (left < ENTERS && wasIdle && report?.status === 'busy') return true
    if (left === ENTERS) wasIdle = report?.status === 'idle'
    const isDue = left > 0 && performance.now() - pressedAt > ENTER_AGAIN_MS
    // An Enter into a dialog would answer that.
    if (input === undefined || report?.status === 'waiting' || !isDue) return undefined
    left--
    await press(pane, 'Enter')
    pressedAt = performance.now()
    return undefined
  })
  return answer === true
}

/**
 * Sends what the input row holds, and sees it gone from there.
 * @returns whether it was taken
 * @throws IapeerError `program-ended`, `interrupted`
 */
export const sendInput = (pane: Pane, held: string): Promise<boolean> => send(forTyping(pane), held)

/**
 * Gives a program a message as a person would: pasted as a whole, seen in the input row, then Enter, and seen to be gone
 * from there.
 * @param onTyping called before it is pasted
 * @throws IapeerError `program-ended`, `interrupted`
 */
export async function typeMessage(
  pane: Pane,
  message: string,
  onTyping: () => Promise<void> = async () => undefined,
): Promise<Typed> {
  const text = pastable(message)
  if (text === '') return 'taken'
  const typing = forTyping(pane)
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
