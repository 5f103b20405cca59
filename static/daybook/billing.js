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

// Reading and writing amounts, as typed_number in forms.py does.
const language = document.documentElement.lang || "en";
const decimalMark = new Intl.NumberFormat(language).formatToParts(1.5).find((part) => part.type === "decimal").value;

function number(text) {
  const plain = (text || "").replace(/[\s'\u00a0\u202f]/g, "");
  const marks = plain.match(/[.,]/g) || [];
  let decimal = "";
  if (new Set(marks).size === 2) decimal = plain[Math.max(plain.lastIndexOf("."), plain.lastIndexOf(","))];
  else if (marks.length === 1 && (plain.length - plain.indexOf(marks[0]) !== 4 || marks[0] === decimalMark)) decimal = marks[0];
  const at = decimal ? plain.lastIndexOf(decimal) : plain.length;
  const value = Number(`${plain.slice(0, at).replace(/[.,]/g, "")}.${plain.slice(at + 1) || 0}`);
  return plain && Number.isFinite(value) ? value : NaN;
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

// A text box with a list under it (the WAI-ARIA combobox): arrows move, Enter and Tab choose, Escape closes.
function combobox(input, changed) {
  if ("combobox" in input.dataset) return;
  input.dataset.combobox = "";
  const holder = document.createElement("div");
  holder.className = "combobox";
  const writing = document.activeElement === input; // moving it takes the focus away
  input.replaceWith(holder);
  const list = document.createElement("div");
  list.id = `${input.id}_found`;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", document.querySelector(`label[for="${input.id}"]`)?.textContent || "");
  list.hidden = true;
  holder.append(input, list);
  if (writing) input.focus();
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id })) {
    input.setAttribute(name, value);
  }
  const help = holder.parentElement.querySelector("[data-said]");
  let found = [];
  let at = -1;
  let asked = 0;
  let timer;
  let pending = false; // typed, and the answer has not come yet

  function close() {
    list.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function mark(next) {
    at = next;
    [...list.children].forEach((option, index) => option.setAttribute("aria-selected", index === at));
    const option = list.children[at];
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    }
  }

  function take(one) {
    input.value = one.value;
    know(one);
    close();
    changed();
  }

  function know(one) {
    delete input.dataset.price;
    delete input.dataset.rate;
    if (one && one.price) input.dataset.price = one.price;
    if (one && one.rate) input.dataset.rate = one.rate;
    if (help) help.textContent = one ? [one.label, one.note].filter(Boolean).join(" · ") : "";
  }

  async function ask() {
    const term = input.value.trim();
    const mine = ++asked;
    if (!term) {
      pending = false;
      return close();
    }
    const answer = await fetch(`${input.dataset.find}?q=${encodeURIComponent(term)}`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer || !answer.ok || mine !== asked) return;
    found = (await answer.json()).results;
    if (mine !== asked) return;
    return term;
  }

  async function look() {
    const term = await ask();
    if (term === undefined) return;
    pending = false;
    if (document.activeElement === input) return show();
    // Gone on already: what can only mean one thing is taken.
    const same = found.find((one) => one.value.toLowerCase() === term.toLowerCase());
    if (same || found.length === 1) take(same || found[0]);
  }

  function show() {
    list.replaceChildren(...found.map((one, index) => {
      const option = document.createElement("div");
      option.id = `${list.id}_${index}`;
      option.setAttribute("role", "option");
      for (const [name, text] of [["value", one.value], ["label", one.label], ["note", one.note]]) {
        const part = option.appendChild(document.createElement("span"));
        part.className = name;
        part.textContent = text;
      }
      option.addEventListener("mousedown", (event) => { event.preventDefault(); take(one); });
      return option;
    }));
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    mark(found.length ? 0 : -1);
  }

  input.addEventListener("input", () => {
    know(null);
    clearTimeout(timer);
    pending = true;
    timer = setTimeout(look, 120);
  });
  input.addEventListener("keydown", (event) => {
    if (list.hidden) {
      // Enter before the list has come must not send the form half typed.
      if (event.key === "Enter" && pending) event.preventDefault();
      return;
    }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      mark((at + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (found[at]) take(found[at]);
    } else if (event.key === "Tab") {
      if (found[at]) take(found[at]);
    } else if (event.key === "Escape") {
      close();
    }
  });
  input.addEventListener("blur", () => setTimeout(close, 100));
  // What came back from the server, or from the browser's memory, is known again.
  if (input.value.trim() && writing && !("bound" in input.dataset)) look();
  else if (input.value.trim()) ask().then((term) => {
    const same = found.find((one) => one.value.toLowerCase() === (term || "").toLowerCase());
    if (same) { know(same); changed(); }
  });
}
