// Embeds the messenger with what the address asks for, such as ?account=tour&lang=de. A real page has the tag in its HTML.

const asked = new URLSearchParams(location.search);
const form = document.getElementById("choices");
for (const [name, value] of asked) if (form.elements[name]) form.elements[name].value = value;

const { server, account, lang, theme } = Object.fromEntries(new FormData(form));
const tag = `<script src="${server}/messenger/v1/messenger.js"\n        data-account="${account}" data-lang="${lang}" data-theme="${theme}" async></script>`;
document.getElementById("tag").textContent = tag;

if (asked.has("account")) {
  const script = document.createElement("script");
  script.src = `${server}/messenger/v1/messenger.js`;
  script.dataset.account = account;
  script.dataset.lang = lang;
  script.dataset.theme = theme;
  script.onerror = () => {
    document.getElementById("problem").textContent =
      `${script.src} does not load. Does this browser trust the server's certificate? Open that address once to see.`;
  };
  document.body.append(script);
}
