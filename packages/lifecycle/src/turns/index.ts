export { type TurnChange, TurnKeeper } from './keeper.ts'
export { lookAtTurn } from './look.ts'
export type { TurnLook, TurnStatement } from './turn-look.ts'
