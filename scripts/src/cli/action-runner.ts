// How a command of the tree comes to the action that does its work.
import type { CliContext } from "./context.ts";

/** Each names the type of options that its command's definition gives it. */
export type Action<Options> = (
  context: CliContext,
  args: readonly string[],
  options: Options,
) => Promise<number>;

/** What commander calls for a command: loads the module, then runs the action it exports. */
export type ActionRunner = <Name extends string, Actions extends Record<Name, Action<never>>>(
  load: () => Promise<Actions>,
  name: Name,
) => (...received: unknown[]) => Promise<void>;
