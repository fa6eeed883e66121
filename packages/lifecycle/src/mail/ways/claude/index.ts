export { claudeMail } from './claude-mail.ts'
