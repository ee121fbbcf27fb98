"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const slider = document.getElementById("minute");
  const play = document.getElementById("play");
  const hint = document.getElementById("hint");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const listeners = []; // each is told the chosen minute
  let chosen = 0;

  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const makeSvg = (tag, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };

  const SUFFIXES = ["", "k", "M", "G", "T"];
  // Three digits, as CloudWatch writes numbers on an axis: 8.00k.
  const short = (value) => {
    if (value === null || value === undefined) return "--";
    let size = 0;
    while (Math.abs(value) >= 999.5 && size < SUFFIXES.length - 1) {
      value /= 1000;
      size += 1;
    }
    const whole = size === 0 && Number.isInteger(value);
    const digits = whole || Math.abs(value) >= 99.95 ? 0 : Math.abs(value) >= 9.995 ? 1 : 2;
    return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }) + SUFFIXES[size];
  };
  const full = (value) => (value === null ? "--" : value.toLocaleString("en", { maximumFractionDigits: 4 }));
  const clock = (minute) => [Math.floor(minute / 60), minute % 60].map((each) => String(each).padStart(2, "0")).join(":");

  // The point that holds in a minute: that of its period.
  const at = (line, minute) => line.points[Math.floor(minute / line.period)] ?? null;
  // The newest up to a minute, which is what a number shows.
  const newest = (line, minute) => {
    for (let i = Math.floor(minute / line.period); i >= 0; i--) if (line.points[i] !== null) return line.points[i];
    return null;
  };
  // A point a minute for uPlot: null is a gap, undefined is none, as between the points of a longer period.
  const byMinute = (line) =>
    line.period === 1
      ? line.points
      : Array.from({ length: data.minutes }, (_, m) => (m % line.period ? undefined : line.points[m / line.period]));

  const minutes = Array.from({ length: data.minutes }, (_, minute) => minute);
  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880];

  const tell = (event, minute, rows) => {
    hint.replaceChildren(make("b", "", `Minute ${minute} · ${clock(minute)}`));
    for (const { label, color, value } of rows) {
      const row = make("div");
      const swatch = makeSvg("svg", { viewBox: "0 0 10 10", class: "swatch" });
      swatch.append(makeSvg("rect", { width: 10, height: 10, rx: 2, fill: color }));
      row.append(swatch, make("span", "", label), make("i", "", value));
      hint.append(row);
    }
    hint.hidden = false;
    const left = event.clientX + 16;
    hint.style.left = `${left + hint.offsetWidth > innerWidth - 8 ? event.clientX - hint.offsetWidth - 16 : left}px`;
    hint.style.top = `${Math.max(8, Math.min(event.clientY + 14, innerHeight - hint.offsetHeight - 8))}px`;
  };

  // -- graphs
  const fitted = (element, plot) => {
    new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = element;
      if (width > 0 && height > 0 && (width !== plot.width || height !== plot.height)) plot.setSize({ width, height });
    }).observe(element);
    dark.addEventListener("change", () => plot.redraw(false, true));
  };

  const LABEL = 14; // pixels, of a line's label
  const graph = (section, widget) => {
    const element = section.querySelector(".plot");
    const above = (LABEL + 3) / Math.max(60, element.clientHeight - 32); // for the label of the highest line
    const raw = widget.lines.map(byMinute);
    const sides = { left: "y", right: "y2" };
    const scaleOf = (item) => (item.right ? sides.right : sides.left);
    const drawn = widget.stacked ? stack(widget.lines, raw) : raw;
    const used = new Set([...widget.lines, ...widget.marks].map(scaleOf));
    if (used.size === 0) used.add("y");

    const range = (side, key) => (plot, low, high) => {
      const marks = widget.marks.filter((mark) => scaleOf(mark) === key).flatMap((mark) => [mark.value, mark.to ?? mark.value]);
      const [from, to] = [Math.min(low ?? Infinity, ...marks), Math.max(high ?? -Infinity, ...marks)];
      const given = widget[side];
      const [bottom, top] = from > to ? [0, 1] : [from, to];
      const room = uPlot.rangeNum(given.min ?? bottom, top, marks.includes(top) ? Math.max(0.08, above) : 0.08, true);
      const start = given.min ?? (bottom >= 0 && room[0] < 0 ? 0 : room[0]);
      const end = given.max ?? (room[1] > start ? room[1] : start + 1);
      return start < end ? [start, end] : [end - 1, end];
    };
    const axis = {
      stroke: () => color("faint"),
      font: '11px "Amazon Ember", "Open Sans", "Helvetica Neue", Roboto, Arial, sans-serif',
      ticks: { stroke: () => color("axis"), size: 4, width: 1 },
    };
    const vertical = (key, side) => ({
      ...axis,
      scale: key,
      side,
      size: 44,
      gap: 4,
      space: 34,
      ticks: { show: false },
      grid: { show: side === 3, stroke: () => color("grid"), width: 1 },
      values: (plot, splits) => splits.map(short),
    });
    const now = make("div", "now");
    const dots = widget.lines.map((line) => {
      const dot = make("i", "dot");
      dot.style.background = line.color;
      return dot;
    });
    const marks = widget.marks.map((mark) => {
      const element = make("div", "mark");
      element.style.borderColor = mark.color;
      element.append(make("span", "", mark.label));
      return { ...mark, element, band: mark.fill === "none" ? null : make("div", "band") };
    });
    const place = (plot) => {
      const height = plot.over.clientHeight;
      const taken = []; // where labels stand
      const free = (top) => taken.every((other) => Math.abs(other - top) >= LABEL);
      for (const mark of marks) mark.y = plot.valToPos(mark.value, scaleOf(mark));
      for (const mark of [...marks].sort((a, b) => a.y - b.y)) {
        const { y } = mark;
        mark.element.hidden = y < -1 || y > height + 1;
        mark.element.style.top = `${y}px`;
        const [high, low] = [y - LABEL - 1, y + 2];
        const under = high < 0 || (!free(high) && free(low));
        mark.element.classList.toggle("low", under);
        if (mark.label && !mark.element.hidden) taken.push(under ? low : high);
        if (mark.band === null) continue;
        const to = mark.fill === "above" ? 0 : mark.fill === "below" ? height : plot.valToPos(mark.to, scaleOf(mark));
        const [from, until] = [Math.min(y, to), Math.max(y, to)].map((each) => Math.max(0, Math.min(height, each)));
        mark.band.style.cssText = `top: ${from}px; height: ${until - from}px; background: ${mark.color}`;
      }
      point(plot);
    };
    const point = (plot) => {
      now.style.left = `${plot.valToPos(chosen, "x")}px`;
      dots.forEach((dot, i) => {
        const value = drawn[i][chosen];
        dot.hidden = value === null || value === undefined;
        if (dot.hidden) return;
        dot.style.left = now.style.left;
        dot.style.top = `${plot.valToPos(value, scaleOf(widget.lines[i]))}px`;
      });
    };
    const options = {
      width: Math.max(element.clientWidth, 60),
      height: Math.max(element.clientHeight, 40),
      legend: { show: false },
      padding: [8, used.has("y2") ? 0 : 10, 0, used.has("y") ? 0 : 10],
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false }, sync: { key: "minutes", setSeries: false } },
      scales: {
        x: { time: false, range: [-0.5, Math.max(data.minutes - 0.5, 0.5)] },
        y: { range: range("left", "y") },
        ...(used.has("y2") ? { y2: { range: range("right", "y2") } } : {}),
      },
      axes: [
        { ...axis, size: 24, gap: 2, space: 52, incrs: STEPS, grid: { show: false }, values: (plot, splits) => splits.map(clock) },
        ...(used.has("y") ? [vertical("y", 3)] : []),
        ...(used.has("y2") ? [vertical("y2", 1)] : []),
      ],
      series: [
        {},
        ...widget.lines.map((line) => ({
          label: line.label,
          scale: scaleOf(line),
          stroke: line.color,
          width: 1.75,
          ...(widget.stacked ? { fill: `${line.color}66` } : {}),
          points: { show: lonely, size: 5, width: 0, fill: line.color },
        })),
      ],
      bands: widget.stacked ? stackBands(widget.lines) : [],
      hooks: {
        ready: [
          (plot) => {
            plot.over.append(...marks.flatMap((mark) => [mark.band, mark.element].filter(Boolean)), now, ...dots);
            place(plot);
          },
        ],
        setSize: [place],
      },
    };
    const plot = new uPlot(options, [minutes, ...drawn], element);
    section.uplot = plot;
    fitted(element, plot);
    listeners.push(() => point(plot));
    const under = (event) => {
      const minute = Math.round(plot.posToVal(event.clientX - plot.over.getBoundingClientRect().left, "x"));
      return Math.max(0, Math.min(data.minutes - 1, minute));
    };
    plot.over.addEventListener("pointermove", (event) => {
      const minute = under(event);
      tell(event, minute, widget.lines.map((line) => ({ ...line, value: full(at(line, minute)) })));
    });
    plot.over.addEventListener("pointerleave", () => (hint.hidden = true));
    plot.over.addEventListener("click", (event) => choose(under(event)));
  };

  // Only a point with none beside it gets a dot: as a line it would be nothing.
  const lonely = (plot, series, from, to) => {
    const points = plot.data[series];
    const places = [];
    for (let i = from; i <= to; i++) if (points[i] !== undefined) places.push(i);
    const missing = (place) => place === undefined || points[place] === null;
    const alone = places.filter((i, k) => points[i] !== null && missing(places[k - 1]) && missing(places[k + 1]));
    if (alone.length > 0) {
      const { ctx } = plot;
      ctx.save();
      ctx.fillStyle = plot.series[series].stroke(plot, series);
      for (const i of alone) {
        ctx.beginPath();
        ctx.arc(plot.valToPos(i, "x", true), plot.valToPos(points[i], plot.series[series].scale, true), 2.5 * devicePixelRatio, 0, 2 * Math.PI);
        ctx.fill();
      }
      ctx.restore();
    }
    return false;
  };

  // Each line on top of those before it on the same axis; a missing point counts as 0 there.
  const stack = (lines, raw) => {
    const totals = { true: minutes.map(() => 0), false: minutes.map(() => 0) };
    return raw.map((points, i) =>
      points.map((point, minute) => {
        const total = totals[Boolean(lines[i].right)];
        total[minute] += point ?? 0;
        return point === undefined ? undefined : total[minute];
      }),
    );
  };
  const stackBands = (lines) => {
    const bands = [];
    const last = {};
    lines.forEach((line, i) => {
      if (last[line.right] !== undefined) bands.push({ series: [i + 1, last[line.right]] });
      last[line.right] = i + 1;
    });
    return bands;
  };

  // -- numbers and gauges
  const number = (section, widget) => {
    const write = widget.full ? full : short;
    const items = [...section.querySelectorAll(".figure")];
    const values = items.map((item) => item.querySelector(".value"));
    items.forEach((item, i) => {
      if (!widget.sparkline) return;
      const element = item.querySelector(".plot");
      const line = widget.lines[i];
      const now = make("div", "now");
      now.hidden = line.points.every((point) => point === null);
      const mark = (plot) => (now.style.left = `${plot.valToPos(chosen, "x")}px`);
      const plot = new uPlot(
        {
          width: Math.max(element.clientWidth, 20),
          height: Math.max(element.clientHeight, 20),
          legend: { show: false },
          cursor: { show: false },
          padding: [4, 0, 0, 0],
          scales: { x: { time: false }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), (high ?? 1) > 0 ? high ?? 1 : 1] } },
          axes: [{ show: false }, { show: false }],
          series: [{}, { stroke: line.color, width: 1.5, fill: `${line.color}26`, points: { show: lonely } }],
          hooks: { ready: [(plot) => (plot.over.append(now), mark(plot))], setSize: [mark] },
        },
        [minutes, byMinute(line)],
        element,
      );
      fitted(element, plot);
      listeners.push(() => mark(plot));
    });
    listeners.push((minute) => values.forEach((value, i) => (value.textContent = write(newest(widget.lines[i], minute)))));
  };

  const gauge = (section, widget) => {
    const { min, max } = widget;
    const [CX, CY, R] = [100, 100, 72];
    const share = (value) => Math.max(0, Math.min(1, (value - min) / (max - min)));
    const spot = (value, radius) => {
      const angle = Math.PI * (1 - share(value));
      return [CX + radius * Math.cos(angle), CY - radius * Math.sin(angle)];
    };
    const arc = (from, to, radius) => {
      const [x1, y1] = spot(from, radius);
      const [x2, y2] = spot(to, radius);
      return `M${x1.toFixed(2)} ${y1.toFixed(2)}A${radius} ${radius} 0 0 1 ${x2.toFixed(2)} ${y2.toFixed(2)}`;
    };
    const limits = [...widget.marks].sort((a, b) => a.value - b.value);
    [...section.querySelectorAll(".dial > svg:first-child")].forEach((svg, i) => {
      const line = widget.lines[i];
      svg.append(makeSvg("path", { class: "back", d: arc(min, max, R), "stroke-width": 18 }));
      const filled = makeSvg("path", { class: "arc", stroke: line.color, "stroke-width": 18 });
      svg.append(filled);
      limits.forEach((mark, k) => {
        const d = arc(mark.value, limits[k + 1]?.value ?? max, R + 13);
        svg.append(makeSvg("path", { class: "arc limit-arc", d, stroke: mark.color, "stroke-width": 4 }));
      });
      svg.append(makeSvg("text", { class: "end", x: CX - R, y: 113 }, short(min)));
      svg.append(makeSvg("text", { class: "end", x: CX + R, y: 113 }, short(max)));
      const reading = makeSvg("text", { class: "reading", x: CX, y: CY - 8 });
      svg.append(reading);
      const title = makeSvg("title", {}, limits.map((mark) => `${mark.label}: ${mark.value}`).join("\n"));
      svg.append(title);
      listeners.push((minute) => {
        const value = newest(line, minute);
        reading.textContent = short(value);
        filled.setAttribute("d", value === null || share(value) === 0 ? "" : arc(min, value, R));
        svg.setAttribute("aria-label", `${line.label}: ${short(value)} of ${short(max)}`);
      });
    });
  };

  // -- alarms
  const WORDS = { ALARM: "In alarm", INSUFFICIENT_DATA: "Insufficient data", OK: "OK" };
  const ORDER = { ALARM: 0, INSUFFICIENT_DATA: 1, OK: 2 };
  const inMinute = (alarm, minute) => {
    if (alarm.states === null) return null;
    let found = alarm.states[0];
    for (const run of alarm.states) if (run[0] <= minute) found = run;
    return { since: found[0], state: found[1] };
  };
  const alarms = (section, widget) => {
    const tiles = [...section.querySelectorAll(".tile")];
    const empty = section.querySelector(".empty");
    listeners.push((minute) => {
      const now = widget.alarms.map((alarm) => inMinute(alarm, minute));
      tiles.forEach((tile, i) => {
        const state = now[i]?.state;
        tile.className = `tile ${state === undefined ? "unknown-state" : state.toLowerCase().replace("_", "-")}`;
        const text = tile.querySelector(".state");
        text.textContent = state === undefined ? "State not known" : WORDS[state];
        if (state === "ALARM") text.textContent += now[i].since > 0 ? ` since ${clock(now[i].since)}` : " since before";
        tile.hidden = state !== undefined && widget.only.length > 0 && !widget.only.includes(state);
      });
      const rank = tiles.map((_, i) => i);
      const byState = (i) => (now[i] === null ? 3 : ORDER[now[i].state]);
      const newestFirst = (a, b) => (now[b]?.since ?? -1) - (now[a]?.since ?? -1);
      if (widget.sort === "stateUpdatedTimestamp") rank.sort((a, b) => byState(a) - byState(b) || newestFirst(a, b) || a - b);
      if (widget.sort === "timestamp") rank.sort((a, b) => newestFirst(a, b) || a - b);
      rank.forEach((i, place) => (tiles[i].style.order = place));
      empty.hidden = tiles.some((tile) => !tile.hidden);
      const wanted = widget.only.map((each) => WORDS[each].toLowerCase()).join(" or ");
      empty.textContent = tiles.length === 0 ? "There are no alarms." : `None of ${tiles.length} alarms: ${wanted}.`;
    });
  };

  // -- tables
  const table = (section) => {
    const cells = [...section.querySelectorAll("th")].filter((cell) => /^\d\d+:\d\d$/.test(cell.textContent));
    const byText = new Map(cells.map((cell) => [cell.textContent, cell]));
    listeners.push((minute) => {
      for (const cell of cells) cell.classList.remove("chosen");
      byText.get(clock(minute))?.classList.add("chosen");
    });
  };

  const kinds = { graph, number, gauge, alarms, table };
  for (const section of document.querySelectorAll(".widget")) {
    const widget = data.widgets[section.dataset.widget];
    kinds[widget.kind]?.(section, widget);
  }

  // -- the time
  const every = Object.values(data.widgets).flatMap((widget) => (widget.kind === "alarms" ? widget.alarms : []));
  const known = [...new Map(every.filter((alarm) => alarm.states).map((alarm) => [alarm.name, alarm])).values()];
  const on = minutes.map(() => 0);
  for (const alarm of known) {
    alarm.states.forEach(([from, state], i) => {
      const to = alarm.states[i + 1]?.[0] ?? data.minutes;
      if (state === "ALARM") for (let minute = from; minute < to; minute++) on[minute] += 1;
    });
  }
  const most = Math.max(...on);
  const strip = document.getElementById("strip");
  const drawStrip = () => {
    strip.width = Math.max(1, strip.clientWidth * devicePixelRatio);
    const context = strip.getContext("2d");
    context.fillStyle = color("alarm");
    const width = strip.width / Math.max(1, data.minutes - 1);
    on.forEach((count, minute) => {
      if (count === 0) return;
      context.globalAlpha = 0.35 + (0.65 * count) / most;
      context.fillRect((minute - 0.5) * width, 0, width + 0.6, strip.height);
    });
  };
  new ResizeObserver(drawStrip).observe(strip);
  dark.addEventListener("change", drawStrip);

  const output = document.getElementById("now");
  const count = document.getElementById("alarms-on");
  const choose = (minute) => {
    chosen = Math.max(0, Math.min(data.minutes - 1, minute));
    slider.value = chosen;
    slider.setAttribute("aria-valuetext", `minute ${chosen}`);
    output.replaceChildren(make("b", "", clock(chosen)), " ", make("span", "", `minute ${chosen}`));
    count.textContent = known.length === 0 ? "" : on[chosen] === 0 ? "No alarm on" : on[chosen] === 1 ? "1 alarm on" : `${on[chosen]} alarms on`;
    count.classList.toggle("on", on[chosen] > 0);
    for (const listener of listeners) listener(chosen);
  };
  slider.addEventListener("input", () => choose(Number(slider.value)));

  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.setAttribute("aria-pressed", "false");
    play.setAttribute("aria-label", "Play");
  };
  const toggle = () => {
    if (timer !== null) return stop();
    if (chosen >= data.minutes - 1) choose(0);
    play.setAttribute("aria-pressed", "true");
    play.setAttribute("aria-label", "Pause");
    const pause = Math.max(40, Math.min(400, 15000 / data.minutes)); // all of it in a quarter of a minute, about
    timer = setInterval(() => (chosen >= data.minutes - 1 ? stop() : choose(chosen + 1)), pause);
  };
  play.addEventListener("click", toggle);

  const keys = {
    ArrowLeft: () => choose(chosen - 1),
    ArrowRight: () => choose(chosen + 1),
    PageUp: () => choose(chosen - 10),
    PageDown: () => choose(chosen + 10),
    Home: () => choose(0),
    End: () => choose(data.minutes - 1),
    " ": toggle,
  };
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    const elsewhere = target !== document.body && target !== slider;
    // What has the focus keeps its own keys: a link or a table that scrolls.
    if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (elsewhere && !(target === play && event.key.startsWith("Arrow"))) return;
    if (target === document.body && ["PageUp", "PageDown", "Home", "End"].includes(event.key)) return; // they scroll
    event.preventDefault();
    keys[event.key]();
  });

  const asked = /[#&]minute=(\d+)/.exec(location.hash)?.[1] ?? data.minute;
  choose(asked !== null && asked !== undefined ? Number(asked) : most > 0 ? on.indexOf(most) : data.minutes - 1);
})();
