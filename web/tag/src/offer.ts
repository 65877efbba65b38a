// An offer on the page: a button or a banner, in a shadow tree of its own. It takes no focus by itself; Escape dismisses
// it while the focus is in it, and the focus goes back to where it came from.

import { readable } from "./color";
import { applyStyle } from "./style";
import type { Presentation } from "./wire";
import { directionOf, pick, wordsFor } from "./words";

const SVG = "http://www.w3.org/2000/svg";
const CHAT = "M4 4h16a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H9l-5 4v-4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2Z";
const CROSS = "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6 10.6 12 5 6.4Z";
const MESSENGER = ".switchbay-messenger";
const ABOVE_LAUNCHER = "72px";
const ANNOUNCE_MS = 150;
const ANNOUNCED_MS = 3_000;

export const PLAIN: Presentation = {
  format: "button",
  position: "bottom-right",
  container: "",
  titles: {},
  texts: {},
  labels: {},
  backgroundColor: "#0b5cad",
  textColor: "#ffffff",
  delaySeconds: 0,
};

export interface Deeds {
  accept: () => void;
  dismiss: () => void;
}

export class Offer {
  private readonly host = el("div", "switchbay-offer");
  private readonly status = el("div", "hidden");
  private before: EventTarget | null = null;
  private announcement = "";

  constructor(
    private readonly design: Presentation,
    private readonly language: string,
    private readonly deeds: Deeds,
  ) {
    const { position } = design;
    set(this.status, { role: "status" });
    const root = this.host.attachShadow({ mode: "open" });
    applyStyle(root);
    if (position === "top") this.host.classList.add("top");
    const shown = this.draw();
    if (position !== "top" && position !== "embedded") {
      shown.classList.add("floats");
      if (position !== "bottom-left" && document.querySelector(MESSENGER)) shown.style.setProperty("--raised", ABOVE_LAUNCHER);
    }
    root.append(shown, this.status);
    this.host.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.dismiss();
    });
    this.host.addEventListener("focusin", (event) => (this.before = event.relatedTarget ?? this.before));
  }

  /** Put it on the page; false where the page has no place for it. */
  show(): boolean {
    const { position, container } = this.design;
    if (position === "embedded") {
      const place = document.getElementById(container);
      if (!place) return false;
      place.append(this.host);
    } else if (position === "top") document.body.prepend(this.host);
    else document.body.append(this.host);
    // Screen readers announce what changes in a region that is there already; afterwards it would be read twice.
    setTimeout(() => (this.status.textContent = this.announcement), ANNOUNCE_MS);
    setTimeout(() => (this.status.textContent = ""), ANNOUNCED_MS);
    return true;
  }

  hide(): void {
    const had = document.activeElement === this.host;
    this.host.remove();
    if (had && this.before instanceof HTMLElement) this.before.focus();
  }

  private dismiss(): void {
    this.hide();
    this.deeds.dismiss();
  }

  private draw(): HTMLElement {
    const { design, language } = this;
    const words = wordsFor(language);
    const title = pick(design.titles, language);
    const text = pick(design.texts, language);
    const shown = el("div", `offer ${design.format === "banner" ? "banner" : "button"} ${design.position}`);
    const [back, front] = readable(design.backgroundColor, design.textColor);
    shown.style.setProperty("--back", back);
    shown.style.setProperty("--text", front);
    set(shown, { role: "region", "aria-label": title || words.offer, lang: language, dir: directionOf(language) });
    const label = pick(design.labels, language) || (design.format === "banner" ? "" : title) || words.label;
    const accept = button("main", this.deeds.accept);
    if (design.format === "banner") {
      const said = el("div", "words");
      this.announcement = `${title} ${text}`.trim();
      if (title) said.append(el("p", "title", title));
      if (text) said.append(el("p", "", text));
      shown.append(said);
    } else accept.append(icon(CHAT));
    accept.append(label);
    const close = button("close", () => this.dismiss());
    set(close, { "aria-label": words.dismiss, title: words.dismiss });
    close.append(icon(CROSS));
    shown.append(accept, close);
    return shown;
  }
}

function el(name: string, classes: string, text = ""): HTMLElement {
  const element = document.createElement(name);
  if (classes) element.className = classes;
  element.textContent = text;
  return element;
}

function button(classes: string, press: () => void): HTMLElement {
  const element = el("button", classes);
  set(element, { type: "button" });
  element.onclick = press;
  return element;
}

function set(element: Element, attributes: { [name: string]: string }): void {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

function icon(path: string): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  set(svg, { viewBox: "0 0 24 24", "aria-hidden": "true" });
  const shape = document.createElementNS(SVG, "path");
  set(shape, { d: path });
  svg.append(shape);
  return svg;
}
