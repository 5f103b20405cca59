// "What is this line?": choose a line, say what it is, go on to the next, without loading the page anew.
// Without this script every link and form of the board does the same by itself.
(() => {
  "use strict";
  const board = document.getElementById("board");
  const said = document.getElementById("said");
  if (!board) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let asking; // what was asked last: an answer to anything before it comes too late

  async function ask(address, options = {}) {
    asking?.abort();
    const mine = (asking = new AbortController());
    board.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address, { ...options, headers: { "X-Part": "board" }, signal: mine.signal });
      if (answer.redirected || !answer.headers.get("Content-Type")?.includes("json")) throw new Error(answer.status);
      return await answer.json();
    } catch (error) {
      if (error.name !== "AbortError") tell(board.dataset.failed, true);
    } finally {
      if (mine === asking) board.removeAttribute("aria-busy");
    }
  }

  function tell(words, isRefusal = false) {
    said.textContent = words || "";
    said.classList.toggle("refused", isRefusal);
  }

  function show(told, focus) {
    board.innerHTML = told.html;
    history.replaceState(null, "", told.address);
    begin();
    const chosen = board.querySelector('.rec-rows [aria-current="true"]');
    if (chosen) chosen.closest("ol").scrollTop += chosen.getBoundingClientRect().top - chosen.closest("ol").getBoundingClientRect().top - 80;
    const title = board.querySelector("#work-title");
    if (focus === "work" && title) {
      title.focus({ preventScroll: true });
      const work = title.closest(".rec-work");
      if (work && (work.getBoundingClientRect().top < 0 || work.getBoundingClientRect().top > innerHeight / 2)) work.scrollIntoView({ block: "start" });
    } else if (focus) board.querySelector(focus)?.focus();
  }

  async function go(address, focus = "work") {
    const told = await ask(address);
    if (!told) return;
    tell("");
    show(told, focus);
  }

  async function act(form, button) {
    if ("sent" in form.dataset) return;
    form.dataset.sent = "";
    const body = new FormData(form);
    if (button?.name) body.set(button.name, button.value);
    const open = form.closest("details")?.querySelector("summary")?.dataset.key;
    const gone = board.querySelector('.rec-rows [aria-current="true"]')?.closest("li");
    const told = await ask(form.action, { method: "POST", body });
    delete form.dataset.sent;
    if (!told) return;
    if (told.go) return location.assign(told.go);
    tell(told.refused ? "" : told.said);
    if (!told.refused && gone && !calm.matches && !told.html.includes(`data-line="${gone.dataset.line}"`)) {
      gone.classList.add("gone");
      await new Promise((resolve) => setTimeout(resolve, 160));
    }
    show(told, "work");
    if (told.refused && open) board.querySelector(`summary[data-key="${open}"]`)?.closest("details")?.scrollIntoView({ block: "nearest" });
  }

  board.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-board]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(link.href);
  });

  board.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-act], [data-filter]")) return;
    event.preventDefault();
    if (form.matches("[data-act]")) return act(form, event.submitter);
    const address = new URL(form.action);
    for (const [name, value] of new FormData(form)) if (value) address.searchParams.set(name, value);
    const typed = form.querySelector("input[type=search]");
    // What is ticked for a split stays there while something else is found.
    if (typed.name === "find") for (const box of board.querySelectorAll("input[name=take]:checked")) address.searchParams.append("take", box.value);
    go(address, typed.name === "find" ? "work" : `#${typed.id}`);
  });

  board.addEventListener("change", (event) => {
    if (event.target.id === "rec-statement") event.target.form.requestSubmit();
  });

  // A panel that opens closes the others and takes the focus: its first field, or the button.
  board.addEventListener("toggle", (event) => {
    const panel = event.target;
    if (!panel.matches(".rec-panel") || !panel.open) return;
    for (const other of board.querySelectorAll(".rec-panel[open]")) if (other !== panel) other.open = false;
    (panel.querySelector(".wrong :is(input, select)") || panel.querySelector("select, input:not([type=hidden]), button"))?.focus();
  }, true);

  // Arrows choose a line, also from the title of the chosen one; a link or button that has the focus keeps Enter.
  window.addEventListener("keydown", (event) => {
    const on = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && on.closest?.("a, button, summary, select")) return event.stopPropagation();
    if (event.key === "Escape" && on.closest?.(".rec-panel[open], .rec-filter")) {
      const panel = on.closest(".rec-panel[open]");
      if (panel) panel.open = false;
      return board.querySelector("#work-title")?.focus();
    }
    if (on.closest?.("input, textarea, select, [contenteditable], [role=dialog]")) return;
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const move = board.querySelector(`[data-key="${event.key === "ArrowDown" ? "j" : "k"}"]`);
    if (!move) return;
    event.preventDefault();
    move.click();
  }, true);

  // Splitting: what is ticked counts, and what remains is said; ticking one takes what remains at most.
  function begin() {
    board.querySelectorAll("[data-find]").forEach((input) => combobox(input, () => {}));
    for (const form of board.querySelectorAll("[data-split]")) {
      form.addEventListener("input", (event) => {
        if (event.target.name?.startsWith("amount:")) event.target.closest(".rec-tick").querySelector("input[type=checkbox]").checked = true;
        rest(form);
      });
      form.addEventListener("change", (event) => {
        if (event.target.name === "take" && event.target.checked) atMost(form, event.target);
        rest(form);
      });
      rest(form);
    }
  }

  function spent(form, but) {
    let sum = 0;
    for (const row of form.querySelectorAll(".rec-tick")) {
      const box = row.querySelector("input[type=checkbox]");
      if (box !== but && box.checked) sum += signed(row.querySelector(".figure").value) || 0;
    }
    sum += signed(form.elements.amount?.value) || 0;
    return sum - (Math.abs(signed(form.elements.fee?.value)) || 0);
  }

  function atMost(form, box) {
    const input = box.closest(".rec-tick").querySelector(".figure");
    const left = signed(form.dataset.split) - spent(form, box);
    const wanted = signed(input.value);
    if (left && Math.sign(left) === Math.sign(wanted) && Math.abs(wanted) > Math.abs(left)) input.value = written(left, digits(input.value));
  }

  function rest(form) {
    const output = form.querySelector("[data-rest]");
    const left = signed(form.dataset.split) - spent(form);
    output.textContent = written(left, digits(form.dataset.split));
  }

  function signed(text) {
    return (/^\s*[-\u2212]/.test(text || "") ? -1 : 1) * number((text || "").replace(/[-\u2212]/g, ""));
  }

  function digits(text) {
    const at = (text || "").lastIndexOf(decimalMark);
    return at < 0 ? 0 : text.length - at - 1;
  }

  function written(value, places) {
    return new Intl.NumberFormat(language, { minimumFractionDigits: places, maximumFractionDigits: places, useGrouping: false }).format(value);
  }

  begin();
})();
