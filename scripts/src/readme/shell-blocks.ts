/** The shell blocks of a Markdown document, in order. */

export interface ShellBlock {
  /** Line of the opening fence, from 1. */
  readonly line: number;
  readonly text: string;
}

/** Every block whose fence says `sh`, `bash`, `shell` or `console`. Throws for a fence that never closes. */
export function shellBlocks(markdown: string): ShellBlock[] {
  const blocks: ShellBlock[] = [];
  let open: { line: number; shell: boolean; lines: string[] } | null = null;
  markdown.split("\n").forEach((text, at) => {
    if (!text.startsWith("```")) {
      open?.lines.push(text);
      return;
    }
    if (open === null) {
      const language = text.slice(3).trim();
      open = { line: at + 1, shell: /^(sh|bash|shell|console)$/.test(language), lines: [] };
      return;
    }
    if (open.shell) blocks.push({ line: open.line, text: open.lines.join("\n") });
    open = null;
  });
  const unclosed = open as { line: number } | null;
  if (unclosed !== null) throw new Error(`the fence of line ${unclosed.line} never closes`);
  return blocks;
}
