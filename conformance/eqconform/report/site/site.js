// Filters, theme, copying and arrow keys. Everything is readable without it.
"use strict";

const THEMES = { "": "System", light: "Light", dark: "Dark" };

function stored(value) {
  try {
    if (value === undefined) return localStorage.getItem("eqconform-theme") || "";
    localStorage.setItem("eqconform-theme", value);
  } catch {
    // Some browsers keep nothing for files.
  }
  return value || "";
}

function applyTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

applyTheme(stored());

function startTheme() {
  const button = document.querySelector("[data-theme-toggle]");
  let theme = stored();
  const say = () => {
    button.querySelector("[data-theme-name]").textContent = THEMES[theme];
    button.setAttribute("aria-label", `Theme: ${THEMES[theme]}. Change it`);
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    const names = Object.keys(THEMES);
    theme = names[(names.indexOf(theme) + 1) % names.length];
    stored(theme);
    applyTheme(theme);
    say();
  });
  say();
}

function startCopying() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
  }
}

function startFilters() {
  const form = document.querySelector("[data-filters]");
  if (!form) return;
  const rows = [...document.querySelectorAll("[data-matrix] tr[data-clause]")];
  const groups = [...document.querySelectorAll("[data-matrix] tbody")];
  const levels = [...form.querySelectorAll("[name=level]")];
  const { failures, differences, claim, text } = form.elements;

  const recall = () => {
    const state = new URLSearchParams(location.hash.slice(1));
    failures.checked = state.has("failures");
    if (differences) differences.checked = state.has("differences");
    claim.value = state.get("claim") || "";
    text.value = state.get("text") || "";
    const chosen = state.getAll("level");
    for (const each of levels) each.checked = !chosen.length || chosen.includes(each.value);
  };
  const remember = () => {
    const state = new URLSearchParams();
    if (failures.checked) state.set("failures", "");
    if (differences?.checked) state.set("differences", "");
    if (claim.value) state.set("claim", claim.value);
    if (text.value) state.set("text", text.value);
    const chosen = levels.filter((each) => each.checked);
    if (chosen.length < levels.length) for (const each of chosen) state.append("level", each.value);
    history.replaceState(null, "", `#${state}`);
  };
  const apply = () => {
    const chosen = new Set(levels.filter((each) => each.checked).map((each) => each.value));
    const wanted = text.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      row.hidden =
        !chosen.has(row.dataset.level) ||
        (failures.checked && !("fails" in row.dataset)) ||
        (differences?.checked && !("differs" in row.dataset)) ||
        (claim.value && row.parentElement.dataset.claim !== claim.value) ||
        (wanted && !row.dataset.clause.includes(wanted));
      shown += !row.hidden;
    }
    for (const group of groups) group.hidden = !group.querySelector("tr[data-clause]:not([hidden])");
    form.querySelector("[data-count]").textContent = `${shown} of ${rows.length} clauses`;
  };

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    remember();
    apply();
  });
  addEventListener("hashchange", () => {
    recall();
    apply();
  });
  recall();
  apply();
}

// Arrow keys walk over the links of the matrix; Tab still reaches each of them.
function startArrows() {
  const table = document.querySelector("[data-matrix]");
  table?.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    const cell = event.target.closest("td, th");
    if (!step || !cell || event.altKey || event.ctrlKey || event.metaKey) return;
    const rows = [...table.rows].filter((row) => row.offsetParent !== null);
    let row = rows.indexOf(cell.parentElement);
    let column = cell.cellIndex;
    for (;;) {
      row += step[0];
      column += step[1];
      const next = rows[row]?.cells[column];
      if (!next) return;
      const link = next.querySelector("a");
      if (link) {
        event.preventDefault();
        link.focus();
        return;
      }
    }
  });
}

// A cell leads to a run's first failing case: the reader who follows it by keyboard goes on there.
function startTarget() {
  const target = location.hash.startsWith("#run-") && document.getElementById(location.hash.slice(1));
  if (target) target.focus({ preventScroll: true });
}

addEventListener("DOMContentLoaded", () => {
  startTheme();
  startCopying();
  startFilters();
  startArrows();
  startTarget();
});
