/**
 * Bytes from a network or a disk that are not what their format allows. It is an expected failure:
 * the receiver rejects the whole request, or treats the stored bytes as damaged.
 */
export class MalformedFrameError extends Error {
  override readonly name = "MalformedFrameError";
}
