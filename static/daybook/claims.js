// A remittance: what is left of each claim, and what of the money is not assigned, running along while typing.
// A help only: the form works without it, and the server decides.
"use strict";

document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-remit]").forEach(remit));

function remit(form) {
  const digits = Number(form.dataset.digits);
  const money = new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const round = (value) => Math.round((value + Number.EPSILON) * 10 ** digits) / 10 ** digits;
  const shown = (value) => (value < 0 ? `(${money.format(-value)})` : money.format(value));
  const typed = (input) => number(input.value) || 0;

  function run() {
    let paid = 0;
    for (const row of form.querySelectorAll("[data-claim]")) {
      const boxes = [...row.querySelectorAll("input")];
      paid += boxes.filter((box) => box.name.startsWith("PAID-")).reduce((sum, box) => sum + typed(box), 0);
      const left = round(Number(row.dataset.open) - boxes.reduce((sum, box) => sum + typed(box), 0));
      const cell = row.querySelector("[data-left]");
      cell.textContent = shown(left);
      cell.parentElement.classList.toggle("negative", left < 0);
    }
    const received = form.dataset.spare ? Number(form.dataset.spare) : typed(form.querySelector("[name=amount]"));
    form.querySelector("[data-difference]").textContent = `${form.dataset.currency}\u00a0${shown(round(received - paid))}`;
  }

  // What is left of the claim, into the box in which "=" is typed.
  form.addEventListener("keydown", (event) => {
    const row = event.key === "=" && event.target.closest("[data-claim]");
    if (!row) return;
    event.preventDefault();
    event.target.value = "";
    const others = [...row.querySelectorAll("input")].reduce((sum, box) => sum + typed(box), 0);
    const left = round(Number(row.dataset.open) - others);
    event.target.value = left > 0 ? money.format(left) : "";
    run();
  });
  form.addEventListener("input", run);
  form.addEventListener("submit", (event) => {
    if ("sent" in form.dataset) event.preventDefault();
    form.dataset.sent = "";
  });
  window.addEventListener("pageshow", () => delete form.dataset.sent);
  run();
}
