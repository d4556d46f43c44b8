// What one command works with: the REST client, the form of output, where messages go.
import { CliError, EXIT } from "./cli-error.ts";
import type { CliContext } from "./context.ts";
import { chooseFormat } from "./output/format.ts";
import type { Format } from "./output/format.ts";
import { restAddress } from "./rest-address.ts";
import { RestClient, SpelledOnly } from "./rest-client.ts";
import type { Query } from "./rest-path.ts";
import { withTableHint } from "./table-hint.ts";

/** Options that every command takes, wherever they stand on the line. */
export interface GlobalOptions {
  readonly url?: string;
  readonly output?: Format;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly curl?: boolean;
  readonly yes?: boolean;
  readonly full?: boolean;
}

/** How fresh reads must be. */
export interface ConsistencyOptions {
  readonly consistency?: string;
  readonly maxStaleness?: string;
}

export interface Session {
  readonly context: CliContext;
  readonly client: RestClient;
  readonly format: Format;
  readonly options: GlobalOptions;
  /** One line for the person, on standard error; silent with --quiet. */
  readonly tell: (line: string) => void;
}

/** Runs `work` and closes the client whatever happens. Resolves to the exit code. */
export async function withSession(
  context: CliContext,
  options: GlobalOptions,
  work: (session: Session) => Promise<number | void>,
): Promise<number> {
  const { stdout, stderr } = context;
  const client = new RestClient({
    address: restAddress(options.url, context.env["STELE_URL"]),
    timeoutMs: options.timeout,
    interrupt: context.interrupt,
    trace: options.verbose === true ? (line) => void stderr.write(`${line}\n`) : undefined,
    spell: options.curl === true ? (line) => void stdout.write(`${line}\n`) : undefined,
  });
  const session: Session = {
    context,
    client,
    format: chooseFormat(options.output, stdout.isTTY === true),
    options,
    tell: (line) => {
      if (options.quiet !== true) stderr.write(`stele: ${line}\n`);
    },
  };
  try {
    return (await work(session)) ?? EXIT.ok;
  } catch (error) {
    if (error instanceof SpelledOnly) return EXIT.ok;
    throw await withTableHint(error, client);
  } finally {
    await client.close();
  }
}

export function consistencyQuery({ consistency, maxStaleness }: ConsistencyOptions): Query {
  return { consistency, maxStaleness };
}

export function isInterruption(error: unknown): boolean {
  return error instanceof CliError && error.exitCode === EXIT.interrupted;
}
