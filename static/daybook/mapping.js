// Shows what the mapping makes of the files, a moment after somebody stopped typing.
(() => {
  const form = document.querySelector("form.mapping");
  const trial = document.getElementById("trial");
  const mapping = document.getElementById("mapping");
  let waiting, asked = 0;

  async function show() {
    const turn = ++asked;
    trial.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action || location.href, { method: "POST", body: new FormData(form) });
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
