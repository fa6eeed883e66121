/** How a turn goes on. */
export type TurnOutcome =
  | { readonly kind: 'running' }
  | { readonly kind: 'ended' }
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'unknown' }
