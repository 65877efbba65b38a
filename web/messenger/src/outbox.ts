// What the visitor said and the server has not confirmed yet. It survives a reload of the page.

import type { Storage } from "./storage";
import { isFields, list, parse, text, uuid, type Fields, type Json } from "./wire";

const PREFIX = "out:";

export interface Letter {
  /** Recognises the letter wherever it is repeated: at the server, and in the events that come back. */
  readonly key: string;
  readonly at: number;
  conversationId: string;
  dialogId: string;
  event: Fields | null;
  metadata: Json[];
  file?: File;
  progress?: number;
  /** Its place in the dialog, once the server has it. */
  sequence?: number;
  failed?: boolean;
  /** The dialog it was for had ended, and it was given another one. */
  moved?: boolean;
}

export class Outbox {
  letters: Letter[] = [];

  constructor(private readonly storage: Storage) {}

  /** Take up what an earlier page of this consumer left; what was another consumer's is dropped. */
  load(me: string): void {
    const known = new Set(this.letters.map((letter) => letter.key));
    for (const name of this.storage.names(PREFIX)) {
      const kept = parse(this.storage.get(name));
      const key = name.slice(PREFIX.length);
      if (!kept || kept.me !== me || !isFields(kept.event)) this.storage.remove(name);
      else if (!known.has(key))
        this.letters.push({
          key,
          at: Number(kept.at) || 0,
          conversationId: text(kept.conversationId),
          dialogId: text(kept.dialogId),
          event: kept.event,
          metadata: list(kept.metadata),
          failed: kept.failed === true,
        });
    }
    this.letters.sort((one, other) => one.at - other.at);
  }

  add(event: Fields | null, metadata: Json[], file?: File): Letter {
    const last = this.letters[this.letters.length - 1];
    const at = Math.max(Date.now(), (last?.at ?? 0) + 1);
    const letter: Letter = { key: uuid(), at, conversationId: "", dialogId: "", event, metadata };
    if (file) letter.file = file;
    this.letters.push(letter);
    return letter;
  }

  keep(letter: Letter, me: string | null): void {
    if (!me || !letter.event || letter.sequence !== undefined || !this.letters.includes(letter)) return;
    const { at, conversationId, dialogId, event, metadata, failed } = letter;
    this.storage.set(
      PREFIX + letter.key,
      JSON.stringify({ me, at, conversationId, dialogId, event, metadata, failed: failed === true }),
    );
  }

  /** The server has it: a repetition is not needed any more. */
  confirmed(letter: Letter, sequence: number): void {
    letter.sequence = sequence;
    this.storage.remove(PREFIX + letter.key);
  }

  remove(letter: Letter): void {
    this.storage.remove(PREFIX + letter.key);
    this.letters = this.letters.filter((one) => one !== letter);
  }
}
