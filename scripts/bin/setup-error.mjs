// A start that cannot go on, with a message meant for the person who started it.
export class SetupError extends Error {
  name = "SetupError";
}
