/** Escapes an argument that ends in `;`, which tmux would take for the end of the command (tmux(1)). */
export const literalArgument = (text: string): string => text.replace(/;$/, '\\;')
