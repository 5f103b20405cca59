// Shows what the mapping makes of the files, a moment after somebody stopped typing.
(() => {
  const form = document.querySelector("[data-mapping]");
  const trial = document.getElementById("trial");
  const mapping = document.getElementById("mapping");
  let waiting, asked = 0;

  // What is tried: the mapping, and of each file no more than its beginning.
  function tried() {
    const data = new FormData(form);
    const files = data.getAll("files").filter((file) => file.name);
    data.delete("files");
    for (const file of files) data.append("files", file.slice(0, 1.1 * form.dataset.bytes), file.name);
    return data;
  }

  async function show() {
    const turn = ++asked;
    trial.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(location.href, { method: "POST", body: tried() });
      const text = await answer.text();
      if (turn !== asked) return;
      if (answer.ok) trial.innerHTML = text;
      else trial.textContent = form.dataset.failed;
    } catch {
      if (turn === asked) trial.textContent = form.dataset.failed;
    }
    trial.removeAttribute("aria-busy");
  }

  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 600);
  });
  form.addEventListener("submit", (event) => {
    if (event.submitter?.value === "import") return; // sent as it is
    event.preventDefault();
    show();
  });
  form.querySelector("[data-keep]").addEventListener("click", (event) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([mapping.value], { type: "application/toml" }));
    link.download = event.target.dataset.keep;
    link.click();
    URL.revokeObjectURL(link.href);
  });
})();
