// Starts the messenger that the page's script tag asks for.

import { Client } from "./client";
import { Identity } from "./identity";
import { readOptions } from "./options";
import { Storage } from "./storage";
import { View } from "./view";

function start(script: HTMLScriptElement): void {
  const options = readOptions(script);
  if (!options || document.querySelector(".switchbay-messenger")) return;
  const storage = new Storage(`switchbay-messenger:${options.server}:${options.account}:`);
  const identity = new Identity(options.server, options.account, storage);
  let view: View | null = null;
  const client = new Client(options, identity, storage, () => view?.draw());
  view = new View(options, client);
}

const script = document.currentScript;
if (script instanceof HTMLScriptElement) {
  if (document.body) start(script);
  else document.addEventListener("DOMContentLoaded", () => start(script));
}
