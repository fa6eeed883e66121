import { type Pane, pasteInto, press, watchPane } from './pane.ts'

/** A program that is busy takes an Enter late; one that was lost is pressed once more. */
const ENTER_AGAIN_MS = 8_000
const ENTERS = 2
/** So much of a text tells whether it still stands in the input row. */
const HEAD = 24

/** Line breaks stay; whatever else could end the paste or move the cursor goes. */
const pastable = (text: string): string => text.replace(/\r\n?/g, '\n').replace(/(?![\n\t])\p{Cc}/gu, '')

/**
 * Gives a program a message as a person would: pasted as a whole, seen in the input row, then Enter, and seen to be gone
 * from there.
 * @throws IapeerError `boot-not-ready` with the step that was not reached, `program-ended`
 */
export async function typeMessage(pane: Pane, message: string): Promise<void> {
  const text = pastable(message).trim()
  if (text === '') return
  const { inputText } = pane.adapter
  const before = await watchPane(pane, 'waiting for its input row', inputText)
  await pasteInto(pane, text)
  let last: string | undefined
  const held = await watchPane(pane, 'waiting for the first message in its input row', (screen) => {
    const [previous, now] = [last, inputText(screen)]
    last = now
    return now !== before && now === previous ? now : undefined
  })
  let left = ENTERS
  let pressedAt = Number.NEGATIVE_INFINITY
  await watchPane(pane, 'waiting for it to take the first message', async (screen) => {
    const now = inputText(screen)
    if (now !== undefined && !now.startsWith(held.slice(0, HEAD))) return true
    if (now !== undefined && left > 0 && performance.now() - pressedAt > ENTER_AGAIN_MS) {
      left--
      await press(pane, 'Enter')
      pressedAt = performance.now()
    }
    return undefined
  })
}
