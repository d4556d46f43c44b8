/**
 * Large JSON bodies, read strictly like small ones, but in slices, so that other requests get their turn
 * (measured: a body of 12 MiB with small members blocks for 450 ms when it is parsed at once).
 *
 * G1. The result is that of `parseJson`: a body is cut only between the elements of a list or the members
 *     of an object that the body's own object holds, and each slice is JSON by itself.
 */
import { at, invalidBody } from "./invalid-input.ts";
import { endOfString, parseJson } from "./json-text.ts";
import type { TurnTaker } from "./turn-taker.ts";

const SLICE_BYTES = 64 * 1024;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

export async function parseLargeJson(bytes: Buffer, turns: TurnTaker): Promise<unknown> {
  const start = afterSpace(bytes, 0);
  // Any other value is small, or wrong: a body is an object.
  if (bytes[start] !== OPEN_OBJECT) return parseJson(bytes);
  const body: Record<string, unknown> = {};
  let place = afterSpace(bytes, start + 1);
  while (bytes[place] !== CLOSE_OBJECT) {
    const name = memberName(bytes, place);
    if (Object.hasOwn(body, name.text)) throw invalidBody(at(null, name.text), "is given twice");
    const value = await memberValue(bytes, name, turns);
    define(body, name.text, value.parsed);
    place = afterSpace(bytes, value.end);
    if (bytes[place] === CLOSE_OBJECT) break;
    if (bytes[place] !== COMMA) throw notJson();
    place = afterSpace(bytes, place + 1);
    if (bytes[place] === CLOSE_OBJECT) throw notJson();
  }
  if (afterSpace(bytes, place + 1) !== bytes.length) throw notJson();
  return body;
}

interface MemberName {
  readonly text: string;
  /** Where the value begins. */
  readonly end: number;
}

function memberName(bytes: Buffer, start: number): MemberName {
  if (bytes[start] !== QUOTE) throw notJson();
  const close = endOfString(bytes, start);
  const text = parseJson(bytes.subarray(start, close + 1));
  const colon = afterSpace(bytes, close + 1);
  if (typeof text !== "string" || bytes[colon] !== COLON) throw notJson();
  return { text, end: afterSpace(bytes, colon + 1) };
}

interface MemberValue {
  readonly parsed: unknown;
  /** Just after the value. */
  readonly end: number;
}

async function memberValue(
  bytes: Buffer,
  name: MemberName,
  turns: TurnTaker,
): Promise<MemberValue> {
  switch (bytes[name.end]) {
    case OPEN_LIST:
      return slicedList(bytes, name, turns);
    case OPEN_OBJECT:
      return slicedObject(bytes, name, turns);
    default: {
      const end = endOfPart(bytes, name.end);
      return { parsed: parseJson(bytes.subarray(name.end, end)), end };
    }
  }
}

async function slicedList(bytes: Buffer, name: MemberName, turns: TurnTaker): Promise<MemberValue> {
  const list: unknown[] = [];
  const end = await slices(bytes, name.end, CLOSE_LIST, turns, (slice) => {
    for (const item of parseSlice(name, "[", slice, "]") as unknown[]) list.push(item);
  });
  return { parsed: list, end };
}

async function slicedObject(
  bytes: Buffer,
  name: MemberName,
  turns: TurnTaker,
): Promise<MemberValue> {
  const object: Record<string, unknown> = {};
  const end = await slices(bytes, name.end, CLOSE_OBJECT, turns, (slice) => {
    const members = parseSlice(name, "{", slice, "}") as Record<string, unknown>;
    for (const member of Object.keys(members)) {
      if (Object.hasOwn(object, member)) {
        throw invalidBody(at(at(null, name.text), member), "is given twice");
      }
      define(object, member, members[member]);
    }
  });
  return { parsed: object, end };
}

/** Gives the contents of the container at `open` in slices; returns where it ends. */
async function slices(
  bytes: Buffer,
  open: number,
  close: number,
  turns: TurnTaker,
  take: (slice: Buffer) => void,
): Promise<number> {
  let start = open + 1;
  let isFirst = true;
  for (let place = afterSpace(bytes, start); ; place++) {
    place = endOfPart(bytes, place);
    const byte = bytes[place];
    if (byte !== COMMA && byte !== close) throw notJson();
    if (byte === COMMA && place - start < SLICE_BYTES) continue;
    const slice = bytes.subarray(start, place);
    const isBlank = afterSpace(slice, 0) === slice.length;
    if (isBlank && !(isFirst && byte === close)) throw notJson();
    take(slice);
    if (byte === close) return place + 1;
    start = place + 1;
    isFirst = false;
    await turns.takeIfLate();
  }
}

/** `slice` as a container of its own: its places begin within that container. */
function parseSlice(name: MemberName, open: string, slice: Buffer, close: string): unknown {
  const text = Buffer.concat([Buffer.from(open), slice, Buffer.from(close)]);
  return parseJson(text, at(null, name.text));
}

/** The first comma or closing bracket that belongs to the container in which `start` stands. */
function endOfPart(bytes: Buffer, start: number): number {
  let depth = 0;
  for (let place = start; place < bytes.length; place++) {
    switch (bytes[place]) {
      case QUOTE:
        place = endOfString(bytes, place);
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        depth++;
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        if (depth === 0) return place;
        depth--;
        break;
      case COMMA:
        if (depth === 0) return place;
        break;
      default:
    }
  }
  return bytes.length;
}

function afterSpace(bytes: Buffer, start: number): number {
  let place = start;
  while (place < bytes.length && isSpace(bytes[place] as number)) place++;
  return place;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** A member of any name, `__proto__` included. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== "__proto__") object[name] = value;
  else {
    const own = { value, enumerable: true, configurable: true, writable: true };
    Object.defineProperty(object, name, own);
  }
}

function notJson(): Error {
  return invalidBody(null, "the body is not JSON");
}
