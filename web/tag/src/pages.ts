// Where the visitor is. Pages that change their address by script are told too, without a touch to the page's functions.

const LOOK_MS = 1_000;
export const LONGEST = 2_000;

/** The address as far as it makes a page: anchors within one do not, the routes of older applications do. */
export function pageAddress(): string {
  const { hash, href } = location;
  const whole = /^#!?\//.test(hash) ? href : href.slice(0, href.length - hash.length);
  return whole.replace(/#$/, "").slice(0, LONGEST);
}

/** Call `changed` whenever the visitor comes to another page without a load. */
export function watchPages(changed: () => void): void {
  let known = pageAddress();
  const look = () => {
    const now = pageAddress();
    if (now === known) return;
    known = now;
    changed();
  };
  addEventListener("popstate", look);
  addEventListener("hashchange", look);
  const { navigation } = window as unknown as { navigation?: EventTarget };
  if (navigation) navigation.addEventListener("currententrychange", look);
  else setInterval(look, LOOK_MS);
}
