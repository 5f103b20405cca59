// The desk's forms: patients and services found while typing, rows as they are needed, totals running along.
// Everything here is a help: the forms work without it, and the server decides.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-desk]").forEach(desk);
  document.querySelectorAll("[data-submit]").forEach((select) => select.addEventListener("change", () => select.form.submit()));
  document.querySelectorAll("[data-reload]").forEach((select) =>
    select.addEventListener("change", () => location.assign(`?administration=${select.value}`)));
  document.querySelectorAll("[data-hide]").forEach((element) => (element.hidden = true));
  if ("print" in document.body.dataset) window.print();
});

function desk(form) {
  const digits = Number(form.dataset.digits);
  const money = new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const plain = new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false });
  const round = (value) => Math.round((value + Number.EPSILON) * 10 ** digits) / 10 ** digits;
  const shown = (value) => `${form.dataset.currency}\u00a0${money.format(value)}`;
  const say = (name, value, line) => {
    const output = form.querySelector(`[data-${name}]`);
    if (!output) return;
    output.textContent = value;
    if (line) form.querySelector(`[data-${name}-line]`).hidden = value === "";
  };
  const rowsOf = (name) => [...form.querySelectorAll(`[data-rows="${name}"] > [data-row]`)];
  const field = (row, name) => row.querySelector(`[name$="-${name}"]`);

  function chargeOf(row) {
    const input = field(row, "service");
    if (!input.value.trim() || input.dataset.price === undefined) return 0;
    const net = round(Number(input.dataset.price) * number(field(row, "quantity").value));
    return input.dataset.rate ? round(net + round((net * Number(input.dataset.rate)) / 100)) : net;
  }

  function total() {
    if (form.dataset.owed) return Number(form.dataset.owed);
    return round(rowsOf("charges").reduce((sum, row) => sum + (chargeOf(row) || 0), 0));
  }

  function paid(only) {
    return round(rowsOf("tenders").reduce((sum, row) => {
      const amount = number(field(row, "amount").value);
      return sum + (Number.isNaN(amount) || (only && field(row, "method").value !== only) ? 0 : amount);
    }, 0));
  }

  function run() {
    for (const row of rowsOf("charges")) {
      const amount = chargeOf(row);
      row.querySelector("[data-amount]").textContent = amount ? shown(amount) : "";
      field(row, "quantity").tabIndex = field(row, "service").value.trim() ? 0 : -1; // Tab passes an empty row at once
    }
    say("total", shown(total()));
    const rest = round(total() - paid());
    say("left", total() || paid() ? (rest < 0 ? `(${shown(-rest)})` : shown(rest)) : "", true);
    const given = number(form.querySelector("[name=cash_given]")?.value);
    say("change", Number.isNaN(given) ? "" : shown(Math.max(round(given - paid("CASH")), 0)), true);
    for (const row of rowsOf("tenders")) {
      const covers = ["HMO", "INSURANCE"].includes(field(row, "method").value);
      row.querySelector(".payer").hidden = !covers && !field(row, "payer").value;
    }
    for (const name of ["charges", "tenders"]) grow(name);
  }

  // One empty row at the end, so that the next thing can always be typed.
  function grow(name) {
    const rows = rowsOf(name);
    if (!rows.length) return;
    const filled = (row) => field(row, name === "charges" ? "service" : "amount").value.trim() || row.querySelector(".errorlist");
    const last = rows.findLastIndex(filled);
    const enough = name === "tenders" && total() > 0 && paid() >= total();
    rows.forEach((row, at) => (row.hidden = at > last + (enough ? 0 : 1)));
    if (last === rows.length - 1 && rows.length < 50) add(name, rows.length);
  }

  function add(name, at) {
    const holder = form.querySelector(`[data-rows="${name}"]`);
    const made = document.createElement("div");
    made.innerHTML = holder.querySelector("template").innerHTML.replaceAll("__prefix__", at);
    const row = holder.insertBefore(made.firstElementChild, holder.querySelector("template"));
    form.querySelector(`[name=${name}-TOTAL_FORMS]`).value = at + 1;
    prepare(row);
  }

  function prepare(row) {
    row.querySelectorAll("[data-find]").forEach((input) => combobox(input, run));
    row.querySelectorAll("[data-rest]").forEach((button) => {
      const input = field(row, "amount");
      const fill = () => {
        input.value = "";
        const rest = round(total() - paid());
        input.value = rest > 0 ? plain.format(rest) : "";
        input.dispatchEvent(new Event("input", { bubbles: true }));
        input.focus();
        input.select();
      };
      button.hidden = false;
      button.addEventListener("click", fill);
      input.addEventListener("keydown", (event) => {
        if (event.key !== "=") return;
        event.preventDefault();
        fill();
      });
    });
  }

  form.querySelectorAll("[data-row]").forEach(prepare);
  form.querySelectorAll("[data-find]:not([data-row] *)").forEach((input) => combobox(input, run));
  form.addEventListener("input", run);
  form.addEventListener("change", run);
  // Sent once: a second click while the first is under way sends nothing.
  form.addEventListener("submit", (event) => {
    if ("sent" in form.dataset) event.preventDefault();
    form.dataset.sent = "";
  });
  window.addEventListener("pageshow", () => delete form.dataset.sent);
  run();
}
