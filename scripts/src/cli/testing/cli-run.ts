// Runs the command line in this process, with streams that remember.
import { Readable, Writable } from "node:stream";
import type { CliContext, Input, Output } from "../context.ts";
import { runCli } from "../run-cli.ts";

export interface CliRunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Buffer | AsyncIterable<Buffer>;
  /** All three streams are a terminal of so many columns. */
  readonly terminal?: number;
  readonly interrupt?: AbortSignal;
  readonly onOutput?: (text: string) => void;
}

export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
}

export async function cliRun(
  args: readonly string[],
  options: CliRunOptions = {},
): Promise<CliResult> {
  const { context, stdout, stderr } = memoryContext(options);
  const exitCode = await runCli(args, context);
  return { exitCode, stdout: stdout.text(), stdoutBytes: stdout.bytes(), stderr: stderr.text() };
}

export function memoryContext(options: CliRunOptions = {}) {
  const { env = {}, terminal, interrupt = new AbortController().signal, onOutput } = options;
  const stdout = collector(terminal, onOutput);
  const stderr = collector(terminal);
  const context: CliContext = {
    stdin: input(options),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env,
    interrupt,
    abandon: new AbortController().signal,
  };
  return { context, stdout, stderr };
}

function input({ stdin = "", terminal }: CliRunOptions): Input {
  const isIterable = typeof stdin === "object" && !Buffer.isBuffer(stdin);
  const chunks = isIterable ? stdin : stdin.length === 0 ? [] : [Buffer.from(stdin)];
  const stream = Readable.from(chunks, { objectMode: false });
  return Object.assign(stream, { isTTY: terminal !== undefined });
}

function collector(columns: number | undefined, onOutput?: (text: string) => void) {
  const chunks: Buffer[] = [];
  const stream: Output = Object.assign(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(Buffer.from(chunk));
        onOutput?.(chunk.toString());
        done();
      },
    }),
    columns === undefined ? {} : { isTTY: true, columns },
  );
  const bytes = (): Buffer => Buffer.concat(chunks);
  return { stream, bytes, text: () => bytes().toString("utf8") };
}
