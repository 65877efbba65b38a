// One entry of the log as an element: a message, the end of a conversation, the question for a rating.

import type { Client, Item, MessageItem } from "./client";
import { el, icon, ICONS, linked, safePreview } from "./dom";
import type { Rich } from "./rich";
import { fill, type Strings } from "./strings";
import { isFields, text, type Fields } from "./wire";

export class Entries {
  private readonly time: Intl.DateTimeFormat;

  constructor(
    private readonly strings: Strings,
    private readonly client: Client,
    private readonly rich: Rich,
    language: string,
  ) {
    this.time = formatter(language);
  }

  /** What an element shows, as a text that changes when it must be made anew. */
  version(item: Item): string {
    if (item.kind !== "message") return item.kind;
    return `${item.state ?? ""} ${item.event.contentType === "hosted/file" ? JSON.stringify(item.event).length : 0}`;
  }

  make(item: Item): HTMLElement {
    if (item.kind === "message") return this.message(item);
    if (item.kind === "rating") return this.rating();
    return el("p", { class: "notice" }, this.strings[item.kind]);
  }

  /** Show how much of a file is uploaded, without making the entry anew. */
  progress(element: HTMLElement, item: Item): void {
    const bar = element.querySelector("progress");
    if (item.kind !== "message" || !bar || item.progress === undefined) return;
    bar.value = item.progress;
    bar.setAttribute("aria-label", fill(this.strings.uploading, Math.round(item.progress * 100)));
  }

  private message(item: MessageItem): HTMLElement {
    const who = el("span", { class: "hidden" }, `${item.isMine ? this.strings.you : this.strings.agent}: `);
    const bubble = el("div", { class: "bubble" }, who, this.body(item));
    const isRich = item.event.type === "RichContentEvent";
    return el("div", { class: `message ${item.isMine ? "mine" : "theirs"}${isRich ? " rich" : ""}` }, bubble, this.foot(item));
  }

  private body(item: MessageItem): Node {
    const { event } = item;
    if (event.type === "RichContentEvent") return this.rich.content(event.content);
    if (event.contentType === "hosted/file") return this.file(isFields(event.message) ? event.message : {}, item);
    return el("p", { class: "text", dir: "auto" }, ...linked(text(event.message)));
  }

  private file(message: Fields, item: MessageItem): HTMLElement {
    const name = text(message.caption) || this.strings.file;
    const small = safePreview(message.preview);
    const shown = small ? el("img", { src: small, alt: name }) : icon(ICONS.file);
    const label = el("span", { class: "name", dir: "auto" }, name);
    const path = text(message.relativePath);
    if (!path) {
      const bar = item.state === "sending" && el("progress", { max: "1", "aria-label": fill(this.strings.uploading, 0) });
      return el("div", { class: "file" }, shown, label, bar);
    }
    const button = el("button", { type: "button", class: "file", "aria-label": fill(this.strings.download, name) }, shown, label);
    button.onclick = () => {
      const tab = open("", "_blank"); // at once: a tab that opens later counts as an unwanted one
      if (tab) tab.opener = null;
      this.client.fileAddress(path).then(
        (address) => (tab ? (tab.location.href = address) : location.assign(address)),
        () => tab?.close(),
      );
    };
    return button;
  }

  private foot(item: MessageItem): HTMLElement {
    const at = item.at ? el("time", { datetime: new Date(item.at).toISOString() }, this.time.format(item.at)) : null;
    const state = item.state && el("span", { class: `state ${item.state}` }, this.strings[item.state]);
    const foot = el("div", { class: "foot" }, at, at && state && " · ", state);
    const { letter } = item;
    if (letter && item.state === "failed") {
      const retry = el("button", { type: "button", class: "plain" }, this.strings.retry);
      const discard = el("button", { type: "button", class: "plain" }, this.strings.discard);
      retry.onclick = () => this.client.retry(letter);
      discard.onclick = () => this.client.discard(letter);
      foot.append(" ", retry, " ", discard);
    }
    return foot;
  }

  private rating(): HTMLElement {
    const form = el("form", { class: "rating" });
    const stars = el("fieldset", { class: "stars" }, el("legend", {}, this.strings.rate));
    for (let n = 1; n <= 5; n++) {
      const input = el("input", { type: "radio", name: "rate", value: String(n), "aria-label": fill(this.strings.star, n) });
      stars.append(el("label", { class: "star" }, input, icon(ICONS.star)));
    }
    const solved = el("fieldset", {}, el("legend", {}, this.strings.solved));
    for (const answer of ["yes", "no"] as const)
      solved.append(el("label", {}, el("input", { type: "radio", name: "solved", value: answer }), this.strings[answer]));
    const send = el("button", { type: "submit", class: "button" }, this.strings.rateSend);
    const skip = el("button", { type: "button", class: "plain" }, this.strings.rateSkip);
    form.append(stars, solved, el("div", { class: "row" }, send, skip));
    const paint = () => {
      const chosen = Number(new FormData(form).get("rate") ?? 0);
      stars.querySelectorAll(".star").forEach((star, at) => star.classList.toggle("on", at < chosen));
      send.disabled = !chosen;
    };
    const give = (rate: number | null, isSolved: boolean | null) => {
      const controls = form.querySelectorAll("button, fieldset") as NodeListOf<HTMLButtonElement>;
      controls.forEach((control) => (control.disabled = true));
      this.client.rate(rate, isSolved).catch(() => controls.forEach((control) => (control.disabled = false)));
    };
    form.onchange = paint;
    form.onsubmit = (event) => {
      event.preventDefault();
      const data = new FormData(form);
      const isSolved = data.get("solved");
      give(Number(data.get("rate")), isSolved === null ? null : isSolved === "yes");
    };
    skip.onclick = () => give(null, null);
    paint();
    return form;
  }
}

function formatter(language: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
  } catch {
    return new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  }
}
