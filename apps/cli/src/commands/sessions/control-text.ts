import { print, printJson } from '../../output.ts'

/** The result of a control: what the program shows, not that a key was sent. */
type Controlled = 'done' | 'nothing-to-do' | 'unconfirmed'

/** Prints the result of a control. */
export function printControlled(
  peer: string,
  result: Controlled,
  { json, texts }: { readonly json: boolean; readonly texts: Readonly<Record<Controlled, string>> },
): void {
  if (json) printJson({ peer, result })
  else print(`${peer}: ${texts[result]}`)
}
