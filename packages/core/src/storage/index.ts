export { writeFileAtomic, writeFileNew } from './atomic-write.ts'
export { makePrivateFolder } from './private-folder.ts'
