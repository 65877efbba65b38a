// The messenger's window and its button, in a shadow tree of their own, so that page and messenger leave each other alone.

import type { Client, Item } from "./client";
import { el, icon, ICONS } from "./dom";
import { Entries } from "./message";
import { readOrigin, type Options } from "./options";
import { Rich } from "./rich";
import { fill } from "./strings";
import { applyStyle } from "./style";
import { isFields, type Json } from "./wire";

const NEAR_END = 80;
const LONGEST = 8_000;

export class View {
  private readonly host = el("div", { class: "switchbay-messenger" });
  private readonly launcher: HTMLButtonElement;
  private readonly badge = el("span", { class: "badge", hidden: true });
  private readonly panel: HTMLElement;
  private readonly log: HTMLElement;
  private readonly entries = el("div", { class: "entries" });
  private readonly status = el("p", { class: "status", role: "status" });
  private readonly typing = el("p", { class: "typing", role: "status" });
  private readonly replies = el("div", { class: "suggestions" });
  private readonly field: HTMLTextAreaElement;
  private readonly sendButton: HTMLButtonElement;
  private readonly endButton: HTMLButtonElement;
  private readonly ending = el("div", { class: "ending", hidden: true });
  private readonly composer: HTMLFormElement;
  private readonly shown = new Map<string, { version: string; element: HTMLElement }>();
  private readonly make: Entries;
  private readonly rich: Rich;
  private repliesFor = "";
  private isOpen = false;
  private isDrawing = false;

  constructor(
    private readonly options: Options,
    private readonly client: Client,
  ) {
    const { strings } = options;
    this.rich = new Rich(strings, { say: (message, metadata) => this.say(message, metadata) });
    this.make = new Entries(strings, client, this.rich, options.language);
    this.launcher = el(
      "button",
      { type: "button", class: "launcher", "aria-expanded": "false", "aria-controls": "panel" },
      icon(ICONS.chat),
      this.badge,
    );
    this.log = el(
      "div",
      { class: "log", role: "log", "aria-live": "polite", "aria-label": strings.log, tabindex: "0" },
      el("p", { class: "bubble welcome", dir: "auto" }, strings.welcome),
      this.entries,
    );
    this.field = el("textarea", { rows: "1", maxlength: String(LONGEST), dir: "auto", placeholder: strings.compose, "aria-label": strings.compose });
    this.sendButton = el("button", { type: "submit", class: "icon send", "aria-label": strings.send }, icon(ICONS.send));
    this.endButton = el("button", { type: "button", class: "icon", "aria-label": strings.end, title: strings.end, hidden: true }, icon(ICONS.end));
    this.composer = el("form", { class: "composer" }, options.hasFiles && this.attach(), this.field, this.sendButton);
    this.panel = el("section", { id: "panel", class: "panel", role: "dialog", "aria-label": strings.title, hidden: true });
    this.panel.append(this.header(), this.ending, this.status, this.log, this.typing, this.replies, this.composer);
    this.listen();
    const root = this.host.attachShadow({ mode: "open" });
    applyStyle(root);
    root.append(el("div", { class: `root ${options.side} ${options.theme}`, dir: options.direction, lang: options.language }, this.panel, this.launcher));
    if (options.color) this.paint(options.color, options.onColor);
    document.body.append(this.host);
    this.draw();
    if (options.isOpen) this.toggle(true, options.takesFocus);
  }

  /** Draw what has changed, once for all changes of a moment. */
  draw(): void {
    if (this.isDrawing) return;
    this.isDrawing = true;
    queueMicrotask(() => {
      this.isDrawing = false;
      this.drawNow();
    });
  }

  toggle(isOpen: boolean, takeFocus = true): void {
    this.isOpen = isOpen;
    this.panel.hidden = !isOpen;
    this.launcher.classList.toggle("behind", isOpen);
    this.launcher.setAttribute("aria-expanded", String(isOpen));
    this.client.look(isOpen);
    if (isOpen) this.log.scrollTop = this.log.scrollHeight;
    if (takeFocus) (isOpen ? this.field : this.launcher).focus();
  }

  // Building

  private header(): HTMLElement {
    const { strings } = this.options;
    const close = el("button", { type: "button", class: "icon", "aria-label": strings.close, title: strings.close }, icon(ICONS.close));
    close.onclick = () => this.toggle(false);
    return el("header", {}, el("h2", {}, strings.title), this.endButton, close);
  }

  private attach(): HTMLElement {
    const input = el("input", { type: "file", multiple: true, tabindex: "-1", "aria-hidden": "true", hidden: true });
    const button = el("button", { type: "button", class: "icon", "aria-label": this.options.strings.attach, title: this.options.strings.attach }, icon(ICONS.attach));
    button.onclick = () => input.click();
    input.onchange = () => {
      this.sendFiles(input.files);
      input.value = "";
      this.field.focus();
    };
    return el("span", {}, button, input);
  }

  private listen(): void {
    this.launcher.onclick = () => this.toggle(!this.isOpen);
    this.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.toggle(false);
    });
    this.composer.onsubmit = (event) => {
      event.preventDefault();
      this.say(this.field.value.trim(), []);
    };
    this.field.onkeydown = (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.composer.requestSubmit();
    };
    this.field.oninput = () => {
      this.fit();
      this.client.compose(this.field.value.trim() === "");
    };
    this.field.onpaste = (event) => {
      if (event.clipboardData?.files.length && this.options.hasFiles) {
        event.preventDefault();
        this.sendFiles(event.clipboardData.files);
      }
    };
    this.endButton.onclick = () => this.askToEnd();
    this.host.addEventListener("switchbay-open", (event) => {
      this.client.beginFrom(readOrigin((event as CustomEvent<{ [name: string]: string } | null>).detail ?? {}));
      this.toggle(true);
    });
    document.addEventListener("visibilitychange", () => this.client.look(this.isOpen));
  }

  private askToEnd(): void {
    const { strings } = this.options;
    const yes = el("button", { type: "button", class: "button" }, strings.yes);
    const no = el("button", { type: "button", class: "plain" }, strings.no);
    const done = () => {
      this.ending.hidden = true;
      this.field.focus();
    };
    yes.onclick = () => {
      this.client.end().catch(() => undefined);
      done();
    };
    no.onclick = done;
    this.ending.replaceChildren(el("span", {}, strings.endSure), yes, no);
    this.ending.hidden = false;
    yes.focus();
  }

  private paint(color: string, onColor: string): void {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
      const share = parseInt(color.slice(at, at + 2), 16) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    this.host.style.setProperty("--sb-accent", color);
    this.host.style.setProperty("--sb-on-accent", onColor || (luminance > 0.18 ? "#000" : "#fff"));
  }

  // Doing

  private say(message: string, metadata: Json[]): void {
    if (!message) return;
    this.client.say(message, metadata);
    this.field.value = "";
    this.fit();
    this.field.focus();
    this.log.scrollTop = this.log.scrollHeight;
  }

  private sendFiles(files: FileList | null | undefined): void {
    for (const file of files ?? []) this.client.send(file);
    this.log.scrollTop = this.log.scrollHeight;
  }

  private fit(): void {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight + 2, 140)}px`;
  }

  // Drawing

  private drawNow(): void {
    const { strings } = this.options;
    const items = this.client.items;
    const isAtEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_END;
    this.drawItems(items);
    this.drawReplies(items[items.length - 1]);
    const { phase, unread } = this.client;
    this.status.textContent = phase === "offline" || phase === "connecting" || phase === "refused" ? strings[phase] : "";
    this.typing.textContent = this.client.isTyping ? strings.typing : "";
    this.composer.inert = phase === "refused";
    this.endButton.hidden = !this.client.canEnd;
    this.badge.hidden = unread === 0;
    this.badge.textContent = unread > 99 ? "99+" : String(unread);
    this.launcher.setAttribute("aria-label", (this.isOpen ? strings.close : strings.open) + (unread ? `, ${fill(strings.unread, unread)}` : ""));
    if (isAtEnd) this.log.scrollTop = this.log.scrollHeight;
  }

  private drawItems(items: Item[]): void {
    const kept = new Set(items.map((item) => item.key));
    for (const [key, { element }] of this.shown)
      if (!kept.has(key)) {
        element.remove();
        this.shown.delete(key);
      }
    let after: Element | null = null;
    for (const item of items) {
      const version = this.make.version(item);
      let shown = this.shown.get(item.key);
      if (!shown || shown.version !== version) {
        const element = this.make.make(item);
        if (shown) shown.element.replaceWith(element);
        shown = { version, element };
        this.shown.set(item.key, shown);
      }
      this.make.progress(shown.element, item);
      const place: Element | null = after ? after.nextElementSibling : this.entries.firstElementChild;
      if (place !== shown.element) this.entries.insertBefore(shown.element, place);
      after = shown.element;
    }
  }

  private drawReplies(last: Item | undefined): void {
    const isFor = last?.kind === "message" && !last.isMine && isFields(last.event.quickReplies) ? last.key : "";
    if (isFor === this.repliesFor) return;
    this.repliesFor = isFor;
    const buttons = isFor && last?.kind === "message" ? this.rich.quickReplies(last.event.quickReplies) : null;
    this.replies.replaceChildren(...(buttons ? [buttons] : []));
  }
}
