// The count of a drawer: its total runs along while notes and coins are typed. The form works without this.
"use strict";

document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-count]").forEach((form) => {
  const digits = Number(form.dataset.digits);
  const money = new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const shown = (units) => `${form.dataset.currency}\u00a0${money.format(units / 10 ** digits)}`;
  const pieces = [...form.querySelectorAll("[data-piece]")];
  const input = (piece) => piece.querySelector("input");
  // In the currency's smallest unit, so that no sum is off by what a fraction cannot say.
  const value = (piece) => Math.round(Number(input(piece).dataset.value) * 10 ** digits);
  const howMany = (piece) => (/^\d{1,7}$/.test(input(piece).value.trim()) ? Number(input(piece).value) : 0);
  const alone = form.querySelector("[name=total]");

  function run() {
    let total = 0;
    for (const piece of pieces) {
      const amount = value(piece) * howMany(piece);
      total += amount;
      piece.querySelector("[data-amount]").textContent = amount ? shown(amount) : "";
    }
    const listed = pieces.some((piece) => input(piece).value.trim());
    const typed = number(alone.value);
    const units = listed ? total : Number.isNaN(typed) ? null : Math.round(typed * 10 ** digits);
    form.querySelector("[data-total-line]").hidden = units === null;
    form.querySelector("[data-total]").textContent = units === null ? "" : shown(units);
  }

  const step = (piece, by) => {
    input(piece).value = Math.max(howMany(piece) + by, 0) || "";
    run();
  };

  for (const [at, piece] of pieces.entries()) {
    for (const button of piece.querySelectorAll("[data-step]")) {
      button.hidden = false;
      button.addEventListener("click", () => step(piece, Number(button.dataset.step)));
    }
    input(piece).addEventListener("keydown", (event) => {
      if (event.key === "ArrowUp" || event.key === "ArrowDown") {
        event.preventDefault();
        step(piece, event.key === "ArrowUp" ? 1 : -1);
      } else if (event.key === "Enter" && pieces[at + 1]) {
        event.preventDefault(); // the next piece, as on a till; after the last one the form is sent
        input(pieces[at + 1]).focus();
        input(pieces[at + 1]).select();
      }
    });
  }
  form.addEventListener("input", run);
  form.addEventListener("submit", (event) => {
    if ("sent" in form.dataset) event.preventDefault();
    form.dataset.sent = "";
  });
  window.addEventListener("pageshow", () => delete form.dataset.sent);
  const first = form.querySelector(".wrong input") || (pieces[0] ? input(pieces[0]) : alone);
  if (!form.querySelector("[name=to]")) first.focus();
  run();
}));
