// Making elements. Whatever comes from others becomes text, never markup; addresses are checked before they are used.

type Child = Node | string | null | undefined | false;

export function el<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: { [name: string]: string | boolean | undefined } = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(key, "");
    else if (typeof value === "string") element.setAttribute(key, value);
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(path: string): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

export const ICONS = {
  chat: "M4 4h16a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H9l-5 4v-4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2Z",
  close: "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6 10.6 12 5 6.4Z",
  send: "M3 20.5v-7l9-1.5-9-1.5v-7L22 12Z",
  attach:
    "M16.5 6.5v10a4.5 4.5 0 0 1-9 0V6a3 3 0 0 1 6 0v9.5a1.5 1.5 0 0 1-3 0V7H9v8.5a3 3 0 0 0 6 0V6a4.5 4.5 0 0 0-9 0v10.5a6 6 0 0 0 12 0v-10Z",
  file: "M6 2h8l5 5v15H6Zm7 1.5V8h4.5Z",
  star: "m12 2 3 6.6 7.1.8-5.3 4.8 1.5 7L12 17.6 5.7 21.2l1.5-7L1.900 9.400l7.100-.8Z",
  end: "M10 3H4v18h6v-2H6V5h4Zm6 4-1.400 1.400L17.200 11H9v2h8.200l-2.600 2.600L16 17l5-5Z",
};

/** An address that a link of the other side may lead to, or null. */
export function safeLink(address: unknown): string | null {
  return checked(address, ["http:", "https:", "mailto:", "tel:"]);
}

/** An address that a picture of the other side may come from, or null. */
export function safeImage(address: unknown): string | null {
  return checked(address, ["http:", "https:"]);
}

export function safePreview(address: unknown): string | null {
  const small = typeof address === "string" && address.length < 100_000 ? address : "";
  return /^data:image\/(png|jpe?g|gif|webp);base64,[A-Za-z0-9+/=]+$/.test(small) ? small : null;
}

function checked(address: unknown, schemes: string[]): string | null {
  if (typeof address !== "string") return null;
  try {
    const url = new URL(address.trim());
    return schemes.includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

export function link(address: string, ...children: Child[]): HTMLAnchorElement {
  return el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

/** Text with its web addresses as links. */
export function linked(message: string): Node[] {
  const nodes: Node[] = [];
  let from = 0;
  for (const match of message.matchAll(/https?:\/\/[^\s<>"']+/g)) {
    const found = match[0].replace(/[.,;:!?)\]}]+$/, "");
    const address = safeLink(found);
    if (!address) continue;
    nodes.push(document.createTextNode(message.slice(from, match.index)), link(address, found));
    from = (match.index ?? 0) + found.length;
  }
  nodes.push(document.createTextNode(message.slice(from)));
  return nodes;
}
