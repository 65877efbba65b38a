// Starts the tag that the page's script tag asks for. All that the page sees of it is one name, `switchbay`.

import { readOptions } from "./options";
import { Tag } from "./tag";

type Call = [name: string, ...rest: unknown[]];

function start(script: HTMLScriptElement): void {
  const page = window as unknown as { switchbay?: { push: (...calls: Call[]) => void } };
  const options = readOptions(script);
  if (!options || (page.switchbay && !Array.isArray(page.switchbay))) return; // the tag is there already
  const tag = new Tag(options);
  const doers = new Map<string, (...rest: unknown[]) => void>([
    ["start", () => tag.start()],
    ["page", (sections) => tag.page(sections)],
    ["report", (...attributes) => tag.report(attributes)],
    ["identity", (identity) => tag.identify(identity)],
    ["language", (language) => tag.speak(language)],
  ]);
  const push = (...calls: Call[]): void => {
    for (const [name, ...rest] of calls) {
      const known = doers.get(name);
      if (known) known(...rest);
      else console.warn("switchbay: there is no", name);
    }
  };
  const waiting = (page.switchbay ?? []) as unknown as Call[];
  page.switchbay = { push };
  push(...waiting);
  if (options.waits) return;
  // A page that is loaded before anybody asks for it is no visit yet.
  if ((document as { prerendering?: boolean }).prerendering) document.addEventListener("prerenderingchange", () => tag.start(), { once: true });
  else tag.start();
}

const script = document.currentScript;
if (script instanceof HTMLScriptElement) {
  if (document.body) start(script);
  else document.addEventListener("DOMContentLoaded", () => start(script));
}
