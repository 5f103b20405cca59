// Three small habits of every page: `?` shows the keys, "Back" keeps what was typed, a job shows its progress.
"use strict";

// A page names its keys on the elements they press: <button data-key="f" data-key-says="Finalize">.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
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
  const dialog = document.createElement("dialog");
  dialog.className = "keys";
  const heading = dialog.appendChild(document.createElement("h2"));
  heading.textContent = { nl: "Toetsen", nb: "Taster" }[document.documentElement.lang] || "Keys";
  const list = dialog.appendChild(document.createElement("dl"));
  const keys = [...document.querySelectorAll("[data-key]")].map((element) => [
    element.dataset.key,
    element.dataset.keySays || element.textContent.trim(),
  ]);
  const said = { nl: "deze lijst tonen of sluiten", nb: "vis eller lukk denne listen" }[document.documentElement.lang];
  for (const [key, says] of [...keys, ["?", said || "show or close this list"]]) {
    list.appendChild(document.createElement("dt")).appendChild(document.createElement("kbd")).textContent = key;
    list.appendChild(document.createElement("dd")).textContent = says;
  }
  document.body.appendChild(dialog).showModal();
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-back]")) history.back();
});

document.addEventListener("DOMContentLoaded", () => {
  const job = document.querySelector("[data-poll]");
  if (job && !("finished" in job.dataset)) setTimeout(() => poll(job), 1000);
});

async function poll(job) {
  try {
    const answer = await fetch(job.dataset.poll, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.status);
    const state = await answer.json();
    if (state.finished) return location.reload();
    job.querySelector("progress").value = state.percent;
    job.querySelector("[data-count]").textContent = state.total ? `${state.done} / ${state.total}` : "";
    job.querySelector("[data-word]").lastChild.lastChild.textContent = state.word;
  } catch {
    // The site may be restarting: ask again below.
  }
  setTimeout(() => poll(job), 1000);
}
