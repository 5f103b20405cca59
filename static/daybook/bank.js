// Shows what a file would add, or what a mapping makes of it, a moment after something was chosen or typed.
(() => {
  const form = document.querySelector("form[data-try]");
  const trial = document.getElementById("trial");
  if (!form || !trial) return;
  let waiting, asked = 0;

  async function show() {
    const turn = ++asked;
    trial.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.dataset.try, { method: "POST", body: new FormData(form) });
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
    waiting = setTimeout(show, 400);
  });
  form.addEventListener("change", (event) => {
    if (event.target.type === "file") trial.textContent = form.dataset.waiting;
  });
})();
