// What forms of our own share: numbers as people type them, and a list that is found while typing.
"use strict";

// Reading and writing amounts, as typed_number in apps/core/forms.py does.
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

// What a form may need to know of what was found: it stands in the data of the text box.
const FACTS = ["price", "rate", "control", "copay", "kind", "payer", "note"];

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
    for (const name of FACTS) {
      if (one && one[name]) input.dataset[name] = one[name];
      else delete input.dataset[name];
    }
    if (help) help.textContent = one ? [one.label, one.note].filter(Boolean).join(" · ") : "";
  }

  async function ask() {
    const term = input.value.trim();
    const mine = ++asked;
    if (!term) {
      pending = false;
      return close();
    }
    const address = new URL(input.dataset.find, location);
    address.searchParams.set("q", term);
    const answer = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
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
    if (help && list.hidden && input.value.trim().length > 1) help.textContent = document.querySelector("#words")?.dataset.none || "";
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
  else again();
  // Asked for when what is to be found depends on another field that changed.
  input.addEventListener("ask-again", again);

  function again() {
    if (!input.value.trim()) return;
    ask().then((term) => {
      const same = found.find((one) => one.value.toLowerCase() === (term || "").toLowerCase());
      if (same) { know(same); changed(); }
    });
  }
}
