// The desk's forms: patients and services found while typing, rows as they are needed, totals running along.
// Everything here is a help: the forms work without it, and the server decides.
"use strict";

const COVER = ["HMO", "INSURANCE"];

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-desk]").forEach(desk);
  document.querySelectorAll("[data-submit]").forEach((select) => select.addEventListener("change", () => select.form.submit()));
  document.querySelectorAll("[data-reload]").forEach((select) =>
    select.addEventListener("change", () => location.assign(`?administration=${select.value}`)));
  document.querySelectorAll("[data-hide]").forEach((element) => (element.hidden = true));
  document.querySelectorAll("form:not([data-desk]) [data-find]").forEach((input) => combobox(input, () => {}));
  document.querySelectorAll("[data-copy]").forEach(copying);
  if ("print" in document.body.dataset) window.print();
});

function copying(button) {
  const field = document.getElementById(button.dataset.copy);
  field.select();
  button.hidden = !navigator.clipboard; // only where the address is secure
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(field.value);
    button.textContent = button.dataset.copied;
  });
}

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
    if (!input.value.trim() || input.dataset.price === undefined || field(row, "coverage_reason").value) return 0;
    const asked = round(Number(input.dataset.price) * number(field(row, "quantity").value));
    const net = round(asked - (number(field(row, "discount").value) || 0));
    return input.dataset.rate ? round(net + round((net * Number(input.dataset.rate)) / 100)) : net;
  }

  // What the patient pays of a line when a payer covers the rest; undefined where nothing is agreed.
  function coPayOf(row) {
    const { copay } = field(row, "service").dataset;
    if (copay === undefined || !chargeOf(row)) return undefined;
    return Math.min(round(Number(copay) * number(field(row, "quantity").value)), chargeOf(row));
  }

  function total() {
    if (form.dataset.owed) return Number(form.dataset.owed);
    return round(rowsOf("charges").reduce((sum, row) => sum + (chargeOf(row) || 0), 0));
  }

  const isAgreed = () => rowsOf("charges").some((row) => coPayOf(row) !== undefined);

  // What stays for the patient: co-pays, and lines without a tariff in full.
  function ownPart() {
    if (!isAgreed()) return 0;
    return round(rowsOf("charges").reduce((sum, row) => sum + (coPayOf(row) ?? (chargeOf(row) || 0)), 0));
  }

  function paid(...only) {
    return round(rowsOf("tenders").reduce((sum, row) => {
      const amount = number(field(row, "amount").value);
      return sum + (Number.isNaN(amount) || (only.length && !only.includes(field(row, "method").value)) ? 0 : amount);
    }, 0));
  }

  // What is still to be paid by the method of ``row``: a payer is asked for no more than is agreed.
  function restOf(row) {
    const open = total() - paid();
    if (!COVER.includes(field(row, "method").value)) return round(open);
    return round(Math.min(open, total() - ownPart() - paid(...COVER)));
  }

  function run() {
    for (const row of rowsOf("charges")) {
      const amount = chargeOf(row);
      row.querySelector("[data-amount]").textContent = amount ? shown(amount) : "";
      const tabbed = field(row, "service").value.trim() ? 0 : -1; // Tab passes an empty row at once
      field(row, "quantity").tabIndex = tabbed;
      const more = row.querySelector("details");
      more.hidden = tabbed < 0 && !more.open;
      const kind = field(row, "kind");
      const placed = field(row, "placed").value;
      if (placed && !kind.value) kind.value = field(row, "service").dataset.kind || "";
      else if (!placed && !kind.closest(".wrong")) kind.value = "";
      kind.closest(".field").hidden = !placed && !kind.value;
      const why = field(row, "discount_reason");
      why.closest(".field").hidden = !field(row, "discount").value.trim() && !why.value;
    }
    say("total", shown(total()));
    say("own", isAgreed() ? shown(ownPart()) : "", true);
    const rest = round(total() - paid());
    say("left", total() || paid() ? (rest < 0 ? `(${shown(-rest)})` : shown(rest)) : "", true);
    const given = number(form.querySelector("[name=cash_given]")?.value);
    say("change", Number.isNaN(given) ? "" : shown(Math.max(round(given - paid("CASH")), 0)), true);
    for (const row of rowsOf("tenders")) {
      const covers = COVER.includes(field(row, "method").value);
      const payer = field(row, "payer");
      if (!("chosen" in payer.dataset)) payer.value = (covers && (payer.value || choice?.value)) || "";
      row.querySelector(".payer").hidden = !covers && !payer.value;
      row.querySelector(".authorisation").hidden = !covers && !field(row, "authorisation").value;
    }
    for (const name of ["charges", "tenders"]) grow(name);
    known();
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
    row.querySelector("[name$=-payer]")?.addEventListener("change", (event) => (event.target.dataset.chosen = ""));
    row.querySelectorAll("[data-rest]").forEach((button) => {
      const input = field(row, "amount");
      const fill = () => {
        input.value = "";
        const rest = restOf(row);
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

  // The payer's tariff prices the lines, and a patient who is covered brings their payer.
  const choice = form.querySelector("[name=payer]");
  const patient = form.querySelector("[name=patient]");
  function priceBy() {
    const waiting = form.querySelector('[data-rows="charges"] > template')?.content.querySelectorAll("[data-service]");
    for (const input of [...form.querySelectorAll("[data-service]"), ...(waiting || [])]) {
      const address = new URL(input.dataset.find, location);
      address.searchParams.set("payer", choice.value);
      input.dataset.find = address;
      input.dispatchEvent(new Event("ask-again"));
    }
  }
  choice?.addEventListener("change", () => {
    choice.dataset.chosen = "";
    priceBy();
  });
  if (choice?.value) priceBy();

  function known() {
    if (patient?.dataset.payer && !choice.value && !("chosen" in choice.dataset)) {
      choice.value = patient.dataset.payer;
      priceBy();
    }
    const balance = form.querySelector("[data-balance]");
    if (!balance || !patient) return;
    balance.textContent = patient.dataset.note || "";
    balance.hidden = !balance.textContent;
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
  // A page on which one thing is typed first begins there.
  if (form.dataset.first && document.activeElement === document.body) form.querySelector(form.dataset.first)?.focus();
}
