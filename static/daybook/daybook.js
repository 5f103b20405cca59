// Three small habits of every page: `?` shows the keys, "Back" keeps what was typed, a job shows its progress.
"use strict";

// A page names its keys on the elements they press: <button data-key="f" data-key-says="Finalize">.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "?") return showKeys();
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!target || target.disabled || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  target.matches("input, textarea, select") ? target.focus() : target.click();
});

function showKeys() {
  const before = document.querySelector("dialog.keys");
  if (before) return before.open ? before.close() : before.showModal();
  const words = document.querySelector("#words").dataset; // in the page's language
  const keys = [...document.querySelectorAll("[data-key]")].map((element) => [
    element.dataset.key,
    element.dataset.keySays || element.textContent.trim(),
  ]);
  if (document.querySelector("#searchbar")) keys.push(["/", words.search]);
  keys.push(["?", words.this]);

  const dialog = document.createElement("dialog");
  dialog.className = "keys";
  dialog.appendChild(document.createElement("h2")).textContent = words.keys;
  const list = dialog.appendChild(document.createElement("dl"));
  for (const [key, says] of keys) {
    list.appendChild(document.createElement("dt")).appendChild(document.createElement("kbd")).textContent = key;
    list.appendChild(document.createElement("dd")).textContent = says;
  }
  document.body.appendChild(dialog).showModal();
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-back]")) history.back();
});

document.addEventListener("DOMContentLoaded", () => {
  // The theme's user menu answers only to the mouse.
  for (const menu of document.querySelectorAll('[x-on\\:click="openUserLinks = !openUserLinks"]')) {
    menu.tabIndex = 0;
    menu.setAttribute("role", "button");
    menu.setAttribute("aria-haspopup", "true");
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      menu.click();
    });
  }
  // The theme writes the name of a chosen file into its own text box, and fails where a page of ours has none.
  for (const input of document.querySelectorAll("input[type=file]")) {
    const around = input.parentNode.parentNode.parentNode;
    input.hasChangeListener = Boolean(input.closest(".desk")) || !around.querySelector("input[type=text]");
  }
  const job = document.querySelector("[data-poll]");
  if (job && !("finished" in job.dataset)) setTimeout(() => poll(job), 1000);
});

async function poll(job) {
  try {
    const answer = await fetch(job.dataset.poll, { headers: { Accept: "application/json", "X-Background": "1" } });
    if (!answer.ok) throw new Error(answer.status);
    const state = await answer.json();
    if (state.finished) return location.reload();
    job.querySelector("progress").value = state.percent;
    job.querySelector("[data-count]").textContent = state.total ? `${state.done} / ${state.total}` : "";
    if (state.word) job.querySelector("[data-word]").lastChild.lastChild.textContent = state.word;
  } catch {
    // The site may be restarting: ask again below.
  }
  setTimeout(() => poll(job), 1000);
}
