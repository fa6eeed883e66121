export {
  forgetWatch,
  type KeptWatch,
  keepWatch,
  listKeptWatches,
  type Rearmed,
  rearmKept,
} from './kept-watches.ts'
