// Tables that sort by every column and show what the filters say; the state stands in the address behind #.
(() => {
  "use strict";
  const tables = [...document.querySelectorAll("table[data-board]")], form = document.querySelector(".filters");
  const order = new Map();  // table's name -> [column, "ascending" | "descending"]
  const first = new Map(tables.map((table) => [table, [...table.tBodies[0].rows]]));
  const state = location.hash.includes("=") ? new URLSearchParams(location.hash.slice(1)) : new URLSearchParams();
  const heads = (table) => [...table.tHead.rows[0].cells];
  const text = (cell) => cell.querySelector("a")?.textContent ?? cell.firstChild.textContent.trim();

  // Numbers first in the direction asked for, then `worst`, then what has no number, whatever the direction.
  const sort = (table) => {
    const [name, way] = order.get(table.dataset.board) ?? [], cells = heads(table), rows = [...first.get(table)];
    const place = cells.findIndex((cell) => cell.dataset.c === name), sign = way === "descending" ? -1 : 1;
    cells.forEach((cell, i) => cell.setAttribute("aria-sort", i === place ? way : "none"));
    const key = (row) => {
      const value = row.cells[place].dataset.v;
      return value === "" ? [2, 0] : value === "worst" ? [1, 0] : [0, sign * Number(value)];
    };
    if (place === 0) rows.sort((a, b) => sign * text(a.cells[0]).localeCompare(text(b.cells[0]), "en"));
    if (place > 0) rows.sort((a, b) => { const [p, q] = [key(a), key(b)]; return p[0] - q[0] || p[1] - q[1]; });
    table.tBodies[0].append(...rows);
  };

  const boxes = (name) => [...form.querySelectorAll(`input[name=${name}]`)];
  const chosen = (name) => new Set(boxes(name).filter((box) => box.checked).map((box) => box.value));

  const filter = () => {
    if (!form) return;
    const words = form.q.value.trim().toLowerCase(), kinds = chosen("kind"), groups = chosen("group");
    let shown = 0, total = 0;
    for (const table of tables) {
      for (const row of table.tBodies[0].rows) {
        row.hidden = !kinds.has(row.dataset.kind) || !text(row.cells[0]).toLowerCase().includes(words);
        shown += !row.hidden;
        total += 1;
      }
      heads(table).forEach((cell, place) => {
        const hidden = Boolean(cell.dataset.group) && !groups.has(cell.dataset.group);
        for (const row of table.rows) if (row.cells[place]) row.cells[place].hidden = hidden;
      });
    }
    form.querySelector(".count").textContent = `${shown} of ${total} rows`;
  };

  const keep = () => {
    const said = new URLSearchParams();
    for (const [board, [column, way]] of order) said.append("sort", [board, way, column].join(" "));
    if (form && form.q.value) said.set("q", form.q.value);
    for (const name of form ? ["kind", "group"] : []) {
      for (const box of boxes(name)) if (!box.checked) said.append("hide", box.value);
    }
    const hash = said.toString();
    history.replaceState(null, "", hash ? `#${hash}` : location.href.split("#")[0]);
  };

  for (const table of tables) {
    for (const cell of heads(table)) {
      const label = cell.querySelector(".sort"), button = document.createElement("button");
      button.type = "button";
      label.replaceWith(button);
      button.append(label);
      button.addEventListener("click", () => {
        const [name, way] = order.get(table.dataset.board) ?? [], better = cell.dataset.better;
        const start = better === "higher" ? "descending" : "ascending", other = start === "ascending" ? "descending" : "ascending";
        order.set(table.dataset.board, [cell.dataset.c, name === cell.dataset.c && way === start ? other : start]);
        sort(table);
        keep();
      });
    }
  }

  if (form) {
    const there = (name, held) => boxes(name).forEach((box) => { box.parentElement.hidden = !held.has(box.value); });
    there("kind", new Set(tables.flatMap((table) => [...table.tBodies[0].rows].map((row) => row.dataset.kind))));
    there("group", new Set(tables.flatMap((table) => heads(table).map((cell) => cell.dataset.group))));
    form.q.value = state.get("q") ?? "";
    for (const value of state.getAll("hide")) {
      for (const box of [...boxes("kind"), ...boxes("group")]) if (box.value === value) box.checked = false;
    }
    form.hidden = false;
    form.addEventListener("input", () => { filter(); keep(); });
    form.addEventListener("submit", (event) => event.preventDefault());
  }
  for (const said of state.getAll("sort")) {
    const [board, way, ...column] = said.split(" ");
    if (["ascending", "descending"].includes(way)) order.set(board, [column.join(" "), way]);
  }
  tables.forEach(sort);
  filter();
})();
