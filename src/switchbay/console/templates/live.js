// Fetches this page anew and puts in what has changed, while the page is looked at and nothing in it is being selected.
(() => {
  const SECONDS = 5;
  const find = (page) => page.getElementById("live");
  const style = (page) => page.getElementById("own-style").textContent;
  const isInUse = () => {
    const selection = getSelection();
    return document.hidden || (!selection.isCollapsed && find(document).contains(selection.anchorNode));
  };
  const renew = async () => {
    const answer = await fetch(location.href, {redirect: "manual"});
    if (answer.type === "opaqueredirect" || answer.status === 403 || answer.status === 404) {
      location.reload();
      return false;
    }
    if (!answer.ok) return true;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    // The policy of this page knows no style but its own: new content with new colours needs the page itself anew.
    if (!find(fresh) || style(fresh) !== style(document)) {
      location.reload();
      return false;
    }
    if (find(fresh).innerHTML !== find(document).innerHTML) {
      const focused = find(document).contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 40;
      find(document).replaceChildren(...find(fresh).childNodes);
      if (focused) [...find(document).querySelectorAll("a")].find((one) => one.getAttribute("href") === focused)?.focus();
      if (atEnd && find(document).dataset.follow) scrollTo(0, document.documentElement.scrollHeight);
    }
    return find(fresh).dataset.over !== "1";
  };
  const run = async () => {
    let goesOn = true;
    try {
      if (!isInUse()) goesOn = await renew();
    } catch {
      // The server is away for a moment; the next look may find it.
    }
    if (goesOn) setTimeout(run, SECONDS * 1000);
  };
  setTimeout(run, SECONDS * 1000);
})();
