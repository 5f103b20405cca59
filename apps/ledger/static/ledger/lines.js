// Lines of an entry and of an invoice: accounts found while typing, rows as they are needed, sums running along.
// Everything here is a help: the forms work without it, and the server decides.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-lines]").forEach(linesForm);
  document.querySelectorAll("form[data-once]").forEach(sentOnce);
  document.querySelectorAll("[data-find]:not([data-lines] *)").forEach((input) => combobox(input, () => {}));
});

// A second click while the first is under way sends nothing.
function sentOnce(form) {
  form.addEventListener("submit", (event) => {
    if ("sent" in form.dataset) event.preventDefault();
    form.dataset.sent = "";
  });
  window.addEventListener("pageshow", () => delete form.dataset.sent);
}

function linesForm(form) {
  const holder = form.querySelector("[data-rows]");
  const prefix = holder.dataset.rows;
  const unit = 10 ** Number(form.dataset.digits); // sums are whole cents: no floating error can unbalance them
  const digits = { minimumFractionDigits: Number(form.dataset.digits), maximumFractionDigits: Number(form.dataset.digits) };
  const figures = new Intl.NumberFormat(language, digits);
  const plain = new Intl.NumberFormat(language, { ...digits, useGrouping: false });
  const rowsOf = () => [...holder.querySelectorAll(":scope > [data-row]")];
  const field = (row, name) => row.querySelector(`[name$="-${name}"]`);
  const filled = (row) => [...row.querySelectorAll("input, select")].some((input) => input.value.trim());
  const shown = (cents) => `${form.dataset.currency}\u00a0${cents < 0 ? `(${figures.format(-cents / unit)})` : figures.format(cents / unit)}`;
  const cents = (input) => {
    const value = number(input.value);
    return Number.isNaN(value) ? 0 : Math.round(value * unit);
  };
  const kinds = { entry: entryForm, invoice: invoiceForm };
  const kind = kinds[form.dataset.lines]({ form, rowsOf, field, filled, shown, cents, unit, plain });

  function run() {
    grow();
    kind.run();
  }

  // One empty row at the end, so that the next line can always be typed.
  function grow() {
    const rows = rowsOf();
    const last = rows.findLastIndex((row) => filled(row) || row.querySelector(".errorlist"));
    rows.forEach((row, at) => (row.hidden = at > Math.max(last + 1, 1)));
    if (last === rows.length - 1 && rows.length < 200) add(rows.length);
  }

  function add(at) {
    const made = document.createElement("div");
    const template = holder.querySelector("template");
    made.innerHTML = template.innerHTML.replaceAll("__prefix__", at).replaceAll("__number__", at + 1);
    const row = holder.insertBefore(made.firstElementChild, template);
    form.querySelector(`[name=${prefix}-TOTAL_FORMS]`).value = at + 1;
    prepare(row);
    return row;
  }

  function prepare(row) {
    row.querySelectorAll("[data-find]").forEach((input) => combobox(input, run));
    row.querySelector("[data-remove]").addEventListener("click", () => {
      row.querySelectorAll("input, select").forEach((input) => {
        input.value = "";
        input.dispatchEvent(new Event("input", { bubbles: true }));
      });
      run();
      field(row, "account").focus();
    });
    kind.prepare(row);
  }

  // Enter goes on to the next line; from an empty one it leaves the lines.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.defaultPrevented || event.target.matches("button, a, textarea")) return;
    event.preventDefault();
    const row = event.target.closest("[data-row]");
    const rows = rowsOf();
    if (row && !filled(row)) return form.querySelector("[data-post]:not(:disabled), [value=save]").focus();
    grow();
    field(rowsOf()[row ? rows.indexOf(row) + 1 : 0], "account").focus();
  });
  form.addEventListener("input", run);
  form.addEventListener("change", run);
  form.querySelectorAll("[data-reload]").forEach((select) =>
    select.addEventListener("change", () => location.assign(`?administration=${select.value}`)));
  form.querySelectorAll("[data-find]:not([data-row] *)").forEach((input) => combobox(input, run));
  rowsOf().forEach(prepare);
  sentOnce(form);
  run();
}

// An entry balances: what still differs stands below, and is why it cannot be posted yet.
function entryForm({ form, rowsOf, field, filled, shown, cents, unit, plain }) {
  const sum = (side) => rowsOf().reduce((all, row) => all + cents(field(row, side)), 0);
  const weekday = weekdayOf(form, "date");

  function reason(difference) {
    const lines = rowsOf().filter(filled);
    if (lines.some((row) => !field(row, "account").value.trim())) return form.dataset.whyAccount;
    if (lines.some((row) => field(row, "account").dataset.control && !field(row, "party").value.trim())) return form.dataset.whyParty;
    if (difference) return form.dataset.whyDiffer;
    return lines.length < 2 ? form.dataset.whyTwo : "";
  }

  function run() {
    const [debit, credit] = [sum("debit"), sum("credit")];
    form.querySelector("[data-sum=debit]").textContent = shown(debit);
    form.querySelector("[data-sum=credit]").textContent = shown(credit);
    form.querySelector("[data-difference]").textContent = shown(debit - credit);
    form.querySelector("[data-balanced]").hidden = debit !== credit || !debit;
    form.querySelector("[data-unbalanced]").hidden = debit === credit;
    const post = form.querySelector("[data-post]");
    const why = reason(debit - credit);
    if (post) post.disabled = Boolean(why);
    form.querySelector(".why-not").textContent = post ? why : "";
    weekday();
    for (const row of rowsOf()) {
      const control = field(row, "account").dataset.control;
      const party = field(row, "party");
      row.querySelector("[data-needed]").hidden = !control || Boolean(party.value.trim());
      party.required = Boolean(control);
      const address = new URL(party.dataset.find, location);
      if (control) address.searchParams.set("kind", control);
      else address.searchParams.delete("kind");
      party.dataset.find = address.pathname + address.search;
    }
  }

  function prepare(row) {
    const sides = [field(row, "debit"), field(row, "credit")];
    sides.forEach((input, at) => {
      input.addEventListener("input", () => { if (input.value.trim()) sides[1 - at].value = ""; });
      input.addEventListener("keydown", (event) => {
        if (event.key !== "=") return;
        event.preventDefault();
        input.value = sides[1 - at].value = "";
        const missing = at ? sum("debit") - sum("credit") : sum("credit") - sum("debit");
        input.value = missing > 0 ? plain.format(missing / unit) : "";
        input.dispatchEvent(new Event("input", { bubbles: true }));
      });
    });
  }

  form.querySelector("[data-foreign]").addEventListener("change", (event) =>
    form.querySelector(".entry-lines").classList.toggle("with-foreign", event.target.checked));
  return { run, prepare };
}

// An invoice: what it comes to by VAT code. Tax is rounded once for each code, as the service does.
function invoiceForm({ form, rowsOf, field, filled, shown, cents, unit, plain }) {
  const rates = JSON.parse(form.dataset.rates);
  const weekday = weekdayOf(form, "invoice_date");

  function net(row) {
    const [quantity, price] = [number(field(row, "quantity").value), number(field(row, "unit_price").value)];
    const typed = field(row, "net");
    const reckoned = !Number.isNaN(quantity) && !Number.isNaN(price);
    if (reckoned) typed.value = plain.format(Math.round((quantity * price + Number.EPSILON) * unit) / unit);
    typed.readOnly = reckoned;
    return cents(typed);
  }

  function run() {
    weekday();
    const sums = new Map();
    for (const row of rowsOf().filter(filled)) {
      const code = field(row, "vat_code").value;
      const known = sums.get(code) || { net: 0, vat: 0, typed: false };
      known.net += net(row);
      const vat = field(row, "vat").value.trim();
      known.typed ||= Boolean(vat);
      known.vat += vat ? cents(field(row, "vat")) : 0;
      sums.set(code, known);
    }
    let total = 0;
    const rows = [...sums].map(([code, sum]) => {
      const vat = sum.typed ? sum.vat : Math.round((sum.net * Number(rates[code]?.rate || 0)) / 100);
      total += sum.net + vat;
      const row = document.createElement("tr");
      const head = row.appendChild(document.createElement("th"));
      head.scope = "row";
      head.textContent = rates[code]?.name || form.dataset.without;
      for (const amount of [sum.net, vat]) {
        const cell = row.appendChild(document.createElement("td"));
        cell.className = "amount";
        cell.textContent = shown(amount);
      }
      return row;
    });
    form.querySelector("[data-taxes] tbody").replaceChildren(...rows);
    form.querySelector("[data-total]").textContent = shown(total);
    const why = total ? "" : form.dataset.why;
    form.querySelector("[data-post]").disabled = Boolean(why);
    form.querySelector(".why-not").textContent = why;
  }

  return { run, prepare() {} };
}

// Says the weekday beside a date.
function weekdayOf(form, name) {
  const words = new Intl.DateTimeFormat(language, { weekday: "long", timeZone: "UTC" });
  return () => {
    const day = form.querySelector(`[name=${name}]`).valueAsDate;
    form.querySelector("[data-weekday]").textContent = day ? words.format(day) : "";
  };
}
