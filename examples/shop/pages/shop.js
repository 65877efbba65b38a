// The shop's own script: a cart in the browser, and what the shop tells Switchbay through the tag's one name.

"use strict";

(() => {
  // The tag may come later than this script; what is pushed until then waits.
  window.switchbay = window.switchbay || [];

  const money = (amount) => `€${amount.toFixed(2)}`;
  const find = (id) => document.getElementById(id);

  function load() {
    try {
      return JSON.parse(localStorage.getItem("cart")) || [];
    } catch {
      return [];
    }
  }

  function save(cart) {
    try {
      localStorage.setItem("cart", JSON.stringify(cart));
    } catch {
      // without storage the cart lasts as long as the page
    }
    report(cart);
    show(cart);
  }

  const total = (cart) => cart.reduce((sum, one) => sum + one.price * one.quantity, 0);
  const items = (cart) => cart.reduce((sum, one) => sum + one.quantity, 0);

  function report(cart) {
    const products = cart.map(({ name, sku, price, quantity }) => ({ product: { name, sku, price }, quantity }));
    window.switchbay.push(["report", { type: "cart", total: total(cart), currency: "EUR", numItems: items(cart), products }]);
  }

  function add({ add: sku, name, price }) {
    const cart = load();
    const known = cart.find((one) => one.sku === sku);
    if (known) known.quantity += 1;
    else cart.push({ sku, name, price: Number(price), quantity: 1 });
    save(cart);
    const said = find("added");
    if (said) said.textContent = `${name} is in your cart.`;
  }

  function show(cart) {
    const count = find("count");
    count.hidden = cart.length === 0;
    count.textContent = String(items(cart));
    if (find("total")) find("total").textContent = money(total(cart));
    if (find("cart")) find("cart").replaceChildren(...(cart.length ? [table(cart), checkout()] : [empty()]));
  }

  function element(name, text, attributes = {}) {
    const made = document.createElement(name);
    made.textContent = text;
    Object.assign(made, attributes);
    return made;
  }

  function table(cart) {
    const made = document.createElement("table");
    const row = (cell, ...texts) => {
      const line = document.createElement("tr");
      line.append(...texts.map((text) => element(cell, text)));
      return line;
    };
    made.append(row("th", "Tea", "Tins", "Price"));
    for (const { name, quantity, price } of cart) made.append(row("td", name, String(quantity), money(quantity * price)));
    made.append(row("th", "Total", "", money(total(cart))));
    return made;
  }

  const checkout = () => element("a", "Check out", { className: "button", href: "checkout.html" });
  const empty = () => element("p", "Nothing is in it yet.");

  function pay(event) {
    event.preventDefault();
    const cart = load();
    const isDeclined = event.target.elements.card.value.trim().endsWith("2");
    if (isDeclined) {
      const message = "Your card was declined.";
      find("outcome").textContent = `${message} Nothing was charged.`;
      window.switchbay.push(["report", { type: "error", error: { code: "card_declined", message, level: 1 } }]);
      return;
    }
    const orderId = crypto.randomUUID();
    window.switchbay.push([
      "report",
      { type: "error", error: { code: "card_declined", message: "Your card was declined.", resolved: true } },
      { type: "purchase", total: total(cart), currency: "EUR", orderId, cart: { products: [], numItems: items(cart) } },
    ]);
    find("outcome").textContent = "Thank you! Your tea is on its way.";
    save([]);
  }

  const viewed = document.querySelector("[data-view]");
  if (viewed) {
    const { view: sku, name, category, price } = viewed.dataset;
    const product = { name, category, sku, price: Number(price) };
    window.switchbay.push(["report", { type: "prodView", currency: "EUR", products: [{ product }] }]);
  }
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-add]");
    if (button) add(button.dataset);
  });
  const form = find("pay");
  if (form) form.addEventListener("submit", pay);
  show(load());
})();
