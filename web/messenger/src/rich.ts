// Structured content and quick replies: the containers and elements that the messaging API documents.

import { el, link, safeImage, safeLink } from "./dom";
import type { Strings } from "./strings";
import { isFields, list, text, type Fields, type Json } from "./wire";

const DEEPEST = 8;
const MOST = 200;

export interface Actions {
  /** Say a text in the visitor's name. */
  say(message: string, metadata: Json[]): void;
}

export class Rich {
  private left = MOST;

  constructor(
    private readonly strings: Strings,
    private readonly actions: Actions,
  ) {}

  /** The element tree of a RichContentEvent. */
  content(content: Json | undefined): HTMLElement {
    this.left = MOST;
    return this.element(content, 0) ?? el("div");
  }

  /** The buttons of ``quickReplies``, or nothing. */
  quickReplies(value: Json | undefined): HTMLElement | null {
    const buttons = isFields(value) ? list(value.replies).slice(0, 20).map((reply) => this.button(reply)) : [];
    const shown = buttons.filter((button): button is HTMLElement => button !== null);
    return shown.length ? el("div", { class: "replies", role: "group", "aria-label": this.strings.replies }, ...shown) : null;
  }

  private element(value: Json | undefined, depth: number): HTMLElement | null {
    if (!isFields(value) || depth > DEEPEST || this.left-- <= 0) return null;
    switch (value.type) {
      case "vertical":
      case "horizontal":
        return el("div", { class: text(value.type) }, ...this.children(value, depth));
      case "carousel":
        return this.carousel(value, depth);
      case "text":
        return styled(el("p", { class: "text", title: text(value.tooltip) || undefined, dir: "auto" }, text(value.text)), value);
      case "image":
        return this.image(value);
      case "button":
        return this.button(value);
      case "map":
        return this.map(value);
      default:
        return list(value.elements).length ? el("div", { class: "vertical" }, ...this.children(value, depth)) : null;
    }
  }

  private children(value: Fields, depth: number): (HTMLElement | null)[] {
    return list(value.elements).map((child) => this.element(child, depth + 1));
  }

  private carousel(value: Fields, depth: number): HTMLElement {
    const cards = this.children(value, depth).filter((card): card is HTMLElement => card !== null);
    const strip = el("div", { class: "strip", tabindex: "0", role: "group", "aria-label": this.strings.cards }, ...cards);
    cards.forEach((card) => card.classList.add("card"));
    const step = (share: number) => {
      const isRtl = getComputedStyle(strip).direction === "rtl";
      strip.scrollBy({ left: strip.clientWidth * share * (isRtl ? -1 : 1), behavior: "smooth" });
    };
    const turn = (label: string, sign: string, share: number) => {
      const button = el("button", { type: "button", class: "turn", "aria-label": label }, sign);
      button.onclick = () => step(share);
      return button;
    };
    const controls = el(
      "div",
      { class: "turns" },
      turn(this.strings.previous, "\u2039", -0.9),
      turn(this.strings.next, "\u203a", 0.9),
    );
    return el("div", { class: "carousel" }, strip, cards.length > 1 && controls);
  }

  private image(value: Fields): HTMLElement | null {
    const source = safeImage(value.url);
    if (!source) return null;
    const alt = text(value.alt) || text(value.tooltip) || text(value.caption) || this.strings.image;
    const picture = el("img", { src: source, alt, loading: "lazy", referrerpolicy: "no-referrer" });
    return this.clickable(value, picture, "picture") ?? picture;
  }

  private button(value: Json | undefined): HTMLElement | null {
    if (!isFields(value)) return null;
    const title = text(value.title).trim();
    if (!title) return null;
    return this.clickable(value, document.createTextNode(title), "button");
  }

  private map(value: Fields): HTMLElement | null {
    const address = place(value.lo, value.la);
    return address ? link(address, text(value.tooltip) || this.strings.map) : null;
  }

  /** What a click on an element does: one link, or texts that are said. Null when it does nothing. */
  private clickable(value: Fields, child: Node, name: string): HTMLElement | null {
    const click = isFields(value.click) ? value.click : {};
    const actions = list(click.actions).filter(isFields);
    const says = actions.filter((action) => action.type === "publishText" && text(action.text));
    const address = actions.map(destination).find((found) => found !== null);
    const title = text(value.tooltip) || undefined;
    if (!says.length && address) {
      const anchor = link(address, child);
      anchor.classList.add(name);
      if (title) anchor.title = title;
      return anchor;
    }
    if (!says.length) return name === "button" ? el("span", { class: "button off", title }, child) : null;
    const button = el("button", { type: "button", class: name, title }, child);
    button.onclick = () => {
      for (const action of says) this.actions.say(text(action.text), list(click.metadata));
      if (address) open(address, "_blank", "noopener,noreferrer");
    };
    return button;
  }
}

function destination(action: Fields): string | null {
  if (action.type === "link") return safeLink(action.uri);
  return action.type === "navigate" ? place(action.lo, action.la) : null;
}

function place(longitude: Json | undefined, latitude: Json | undefined): string | null {
  const lo = Number(longitude);
  const la = Number(latitude);
  if (!Number.isFinite(lo) || !Number.isFinite(la) || Math.abs(la) > 90 || Math.abs(lo) > 180) return null;
  return `https://www.openstreetmap.org/?mlat=${la}&mlon=${lo}#map=16/${la}/${lo}`;
}

function styled(element: HTMLElement, value: Fields): HTMLElement {
  const style = isFields(value.style) ? value.style : {};
  if (style.bold === true) element.classList.add("bold");
  if (style.italic === true) element.classList.add("italic");
  if (style.size === "large" || style.size === "small") element.classList.add(style.size);
  return element;
}
