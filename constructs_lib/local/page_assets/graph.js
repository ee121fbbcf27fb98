"use strict";
(async () => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const drawing = document.getElementById("drawing");
  const panel = document.getElementById("details");
  const hint = document.getElementById("hint");
  const words = {
    SUCCEEDED: "succeeded", CAUGHT: "failed, caught", FAILED: "failed", RUNNING: "running", ABORTED: "aborted",
    NOT_REACHED: "not reached", NOT_RECORDED: "not recorded",
  };
  const cssClass = (status) => status.toLowerCase().replace("_", "-");
  const make = (tag, text, className) => {
    const element = document.createElement(tag);
    if (text !== undefined && text !== null) element.textContent = text;
    if (className) element.className = className;
    return element;
  };
  const seconds = (value) => (value < 100 ? `${value.toFixed(value < 10 ? 2 : 1)} s` : `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`);

  // -- the head
  if (data.run) {
    const { arn, status, started, seconds: took, error, cause } = data.run;
    const line = document.getElementById("run");
    line.append([status, took === null ? null : seconds(took), started, arn].filter(Boolean).join(" · "));
    if (error) {
      const told = make("span", ` · ${error}`, "error");
      if (cause) told.title = cause;
      line.append(told);
    }
    const present = new Set(Object.values(data.states).map((state) => state.status));
    for (const [status, word] of Object.entries(words)) {
      if (!present.has(status)) continue;
      const item = make("li");
      const swatch = make("i", null, cssClass(status));
      swatch.style.background = "var(--fill)";
      swatch.style.borderColor = "var(--stroke)";
      item.append(swatch, word);
      document.getElementById("legend").append(item);
    }
  }

  // -- the drawing
  let svg;
  try {
    const viz = await Viz.instance();
    svg = viz.renderSVGElement(data.graph);
  } catch (error) {
    document.getElementById("message").textContent = `The drawing failed: ${error.message}`;
    return;
  }
  const [width, height] = [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height];
  for (const title of svg.querySelectorAll("title")) title.remove(); // Graphviz's own ids, which a browser would show
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", data.title);
  drawing.replaceChildren(svg);

  const SMALLEST_READABLE = 1.1; // pixels a point: names are 13 points high
  let scale = 1;
  const zoom = (to) => {
    const [x, y] = [
      (drawing.scrollLeft + drawing.clientWidth / 2) / drawing.scrollWidth,
      (drawing.scrollTop + drawing.clientHeight / 2) / drawing.scrollHeight,
    ];
    scale = Math.min(4, Math.max(0.1, to));
    svg.setAttribute("width", width * scale);
    svg.setAttribute("height", height * scale);
    drawing.scrollLeft = x * drawing.scrollWidth - drawing.clientWidth / 2;
    drawing.scrollTop = y * drawing.scrollHeight - drawing.clientHeight / 2;
  };
  const fitting = () => Math.min((drawing.clientWidth - 32) / width, (drawing.clientHeight - 32) / height, 1.6);
  // All of it when that can be read, else a part of it at a size that can.
  zoom(Math.max(fitting(), SMALLEST_READABLE));
  drawing.scrollTop = 0;
  // What failed, innermost last, is what one looks for.
  const failed = Object.keys(data.states).filter((id) => data.states[id].status === "FAILED");
  if (data.run?.status === "FAILED" && failed.length > 0) {
    svg.getElementById(failed.at(-1)).scrollIntoView({ block: "center", inline: "center" });
  }
  const steps = { in: () => zoom(scale * 1.25), out: () => zoom(scale / 1.25), fit: () => zoom(fitting()) };
  document.getElementById("zoom").addEventListener("click", (event) => steps[event.target.dataset.zoom]?.());
  drawing.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(scale * (event.deltaY < 0 ? 1.1 : 1 / 1.1));
    },
    { passive: false },
  );
  drawing.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest(".state") || event.pointerType !== "mouse") return;
    const from = { x: event.clientX + drawing.scrollLeft, y: event.clientY + drawing.scrollTop };
    drawing.setPointerCapture(event.pointerId);
    drawing.classList.add("dragged");
    drawing.onpointermove = (move) => drawing.scrollTo(from.x - move.clientX, from.y - move.clientY);
    drawing.onpointerup = drawing.onpointercancel = () => {
      drawing.classList.remove("dragged");
      drawing.onpointermove = null;
    };
  });

  // -- a state
  const outcome = (state) => {
    if (!state.runs) return state.status ? words[state.status] : null;
    const counts = Object.entries(state.runs);
    if (counts.length === 1 && counts[0][1] === 1) return words[state.status];
    return counts.map(([status, count]) => `${count.toLocaleString("en")} ${words[status]}`).join(", ");
  };
  const facts = (state) => [
    ["Type", state.type],
    ["Resource", state.resource],
    ["Function", state.function],
    ["Outcome", outcome(state)],
    ["Duration", state.seconds === undefined || state.seconds === null ? null : seconds(state.seconds)],
    ["Recorded", state.recorded && `${state.recorded[0]} of ${state.recorded[1].toLocaleString("en")} child executions`],
    ["Retries", state.retries || null],
    ["Items", state.items],
    ["Children", state.children && Object.entries(state.children).filter(([, n]) => n).map(([name, n]) => `${n.toLocaleString("en")} ${name}`).join(", ")],
    ["Map Run", state.mapRuns?.join("\n") || null],
    ["Execution", state.executions?.join("\n") || null],
    ["Error", state.error],
  ];
  const choose = (group, state) => {
    for (const other of svg.querySelectorAll(".chosen")) other.classList.remove("chosen");
    if (group === null) {
      panel.hidden = true;
      return;
    }
    group.classList.add("chosen");
    const close = make("button", "×", "close");
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => {
      choose(null);
      group.focus();
    });
    const list = make("dl");
    for (const [term, value] of facts(state)) {
      if (value === null || value === undefined || value === "") continue;
      list.append(make("dt", term), make("dd", value));
    }
    const parts = [close, make("h2", state.name), list];
    if (state.label && state.label !== state.name) parts.push(make("h3", `Of its runs, this one: ${state.label}`));
    for (const [title, text] of [["Cause", state.cause], ["Input", state.input], ["Output", state.output]]) {
      if (text !== undefined && text !== null) parts.push(make("h3", title), make("pre", text));
    }
    const more = make("details");
    more.open = !state.runs;
    const summary = make("summary");
    summary.append(make("h3", "Definition"));
    summary.firstChild.style.display = "inline-block";
    more.append(summary, make("pre", state.definition));
    panel.replaceChildren(...parts, more);
    panel.hidden = false;
    panel.scrollTop = 0;
  };
  for (const [id, state] of Object.entries(data.states)) {
    const group = svg.getElementById(id);
    group.setAttribute("tabindex", "0");
    group.setAttribute("role", "button");
    group.setAttribute("aria-label", [state.name, state.type, outcome(state)].filter(Boolean).join(", "));
    group.addEventListener("click", () => choose(group, state));
    group.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose(group, state);
    });
    group.addEventListener("pointermove", (event) => {
      const lines = facts(state).filter(([, value]) => value !== null && value !== undefined && value !== "");
      hint.textContent = [state.name, ...lines.map(([term, value]) => `${term}: ${value}`)].join("\n");
      hint.hidden = false;
      hint.style.left = `${Math.min(event.clientX + 14, innerWidth - hint.offsetWidth - 8)}px`;
      hint.style.top = `${Math.min(event.clientY + 14, innerHeight - hint.offsetHeight - 8)}px`;
    });
    group.addEventListener("pointerleave", () => (hint.hidden = true));
  }
  document.addEventListener("keydown", (event) => event.key === "Escape" && choose(null));
})();
