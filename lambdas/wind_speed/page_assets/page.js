/* The page of a run: a map of stations coloured by mean wind speed. No framework, no build; `L` is Leaflet, inlined above.
   Data: the element #data holds {run, stations}, written by page.py; #land holds delta-encoded outlines.
   Everything that stems from a station's file reaches the document through textContent only. */
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const { run, stations: rows } = JSON.parse(byId("data").textContent);

  const UNITS = {
    knots: { short: "kn", long: "knots" },
    mph: { short: "mph", long: "miles per hour" },
    kmh: { short: "km/h", long: "kilometres per hour" },
    mps: { short: "m/s", long: "metres per second" },
  };
  const unit = UNITS[run.unit];

  const stations = rows.map(([id, name, latitude, longitude, elevation, days, mean, maximum, first, last], index) => {
    const placed = latitude !== null && longitude !== null && Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180;
    return { index, id, name, latitude, longitude, elevation, days, mean, maximum, first, last, placed, drawn: placed && mean !== null };
  });
  const drawn = stations.filter((station) => station.drawn);
  const sortedMeans = Float64Array.from(stations.filter(({ mean }) => mean !== null), ({ mean }) => mean).sort();

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const narrow = matchMedia("(max-width: 700px)");

  // ---------------------------------------------------------------- words

  const integer = new Intl.NumberFormat("en");
  const count = (n, one, many) => `${integer.format(n)} ${n === 1 ? one : many}`;
  const countStations = (n) => count(n, "station", "stations");
  const speed = (value) => (value === null ? "no wind speed" : `${value.toFixed(1)} ${unit.short}`);
  const title = (station) => station.name || station.id;
  const sentence = (station) => `${title(station)}: ${speed(station.mean)}`;

  function years() {
    if (run.years === null) {
      const spans = stations.filter(({ first }) => first !== null);
      if (spans.length === 0) return "every year";
      const first = spans.reduce((least, station) => (station.first < least ? station.first : least), "9999");
      const last = spans.reduce((most, station) => (station.last > most ? station.last : most), "0000");
      return range(Number(first.slice(0, 4)), Number(last.slice(0, 4)));
    }
    const spans = [];
    for (const year of [...run.years].sort((a, b) => a - b)) {
      const span = spans[spans.length - 1];
      if (span && year <= span[1] + 1) span[1] = year;
      else spans.push([year, year]);
    }
    return spans.map(([from, to]) => range(from, to)).join(", ");
  }
  const range = (from, to) => (from === to ? `${from}` : `${from}–${to}`);

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // ---------------------------------------------------------------- colours

  // Viridis (Nathaniel Smith, Stéfan van der Walt; CC0): even in perceived lightness, and readable with every kind of
  // colour blindness. Stronger wind stands out from the ground, so the scale runs towards dark on light land, and the
  // other way round. The end that would drown in the ground is cut off.
  const VIRIDIS = ["440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725"].map((hex) =>
    [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)),
  );
  const SHADES = 64;
  function viridis(t) {
    const at = Math.min(Math.max(t, 0), 1) * (VIRIDIS.length - 1);
    const low = Math.min(Math.floor(at), VIRIDIS.length - 2);
    const mix = VIRIDIS[low].map((part, i) => Math.round(part + (VIRIDIS[low + 1][i] - part) * (at - low)));
    return `rgb(${mix.join(" ")})`;
  }
  let palette = [];
  function setPalette() {
    const [from, to] = dark.matches ? [0.2, 1] : [0.88, 0];
    palette = Array.from({ length: SHADES }, (_, i) => viridis(from + ((to - from) * i) / (SHADES - 1)));
  }
  setPalette();

  const scale = makeScale();
  function makeScale() {
    const n = sortedMeans.length;
    if (n === 0) return null;
    // Robust ends: one broken anemometer must not flatten everybody else's colours.
    const cut = n < 50 ? 0 : Math.floor(n * 0.02);
    let low = Math.floor(sortedMeans[cut] * 10) / 10;
    let high = Math.ceil(sortedMeans[n - 1 - cut] * 10) / 10;
    if (high - low < 1) [low, high] = [Math.max(0, low - 0.5), high + 0.5];
    const step = [0.2, 0.5, 1, 2, 5, 10, 20, 50].find((candidate) => (high - low) / candidate <= 7) ?? 100;
    const first = Math.ceil(low / step - 1e-9);
    const ticks = Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
    return { low, high, ticks, digits: step < 1 ? 1 : 0, under: sortedMeans[0] < low, over: sortedMeans[n - 1] > high };
  }
  const position = (mean) => Math.min(Math.max((mean - scale.low) / (scale.high - scale.low), 0), 1);
  const shade = (mean) => Math.min(Math.floor(position(mean) * SHADES), SHADES - 1);
  const colour = (station) => (station.mean === null ? "transparent" : palette[shade(station.mean)]);

  // ---------------------------------------------------------------- projection

  // Patterson's cylindrical projection (Patterson, Šavrič, Jenny 2014): it shows the poles, where stations stand, keeps
  // north up everywhere, and swells high latitudes less than Mercator.
  const RADIAN = Math.PI / 180;
  const northing = (phi) => {
    const square = phi * phi;
    return phi * (1.0148 + square * square * (0.23185 + square * (-0.14499 + square * 0.02406)));
  };
  const slope = (phi) => {
    const square = phi * phi;
    return 1.0148 + square * square * (5 * 0.23185 + square * (7 * -0.14499 + square * 9 * 0.02406));
  };
  const TOP = northing(Math.PI / 2);
  const patterson = {
    bounds: L.bounds([-Math.PI, -TOP], [Math.PI, TOP]),
    project: ({ lat, lng }) => L.point(lng * RADIAN, northing(lat * RADIAN)),
    unproject({ x, y }) {
      let phi = y / 1.1;
      for (let step = 1, i = 0; i < 30 && Math.abs(step) > 1e-10; i++) {
        step = (northing(phi) - y) / slope(phi);
        phi -= step;
      }
      return L.latLng(phi / RADIAN, x / RADIAN);
    },
  };
  const crs = L.extend({}, L.CRS, {
    projection: patterson,
    transformation: L.transformation(0.5 / Math.PI, 0.5, -0.5 / Math.PI, 0.5),
    distance: L.CRS.Earth.distance,
  });
  // Places in units of the world's width, so that a pixel is this times the scale of a zoom.
  const worldX = (longitude) => longitude / 360 + 0.5;
  const worldY = (latitude) => 0.5 - (0.5 * northing(latitude * RADIAN)) / Math.PI;

  const xs = Float64Array.from(drawn, ({ longitude }) => worldX(longitude));
  const ys = Float64Array.from(drawn, ({ latitude }) => worldY(latitude));
  const shades = Uint8Array.from(drawn, ({ mean }) => shade(mean));

  /** Cells over the world, each with its stations' places in `drawn`: the nearest one in microseconds. */
  const cells = (() => {
    const across = 512;
    const cellOf = (i) => Math.min(Math.floor(xs[i] * across), across - 1) + across * Math.floor(ys[i] * across);
    const starts = new Uint32Array(across * across + 1);
    for (let i = 0; i < xs.length; i++) starts[cellOf(i) + 1]++;
    for (let i = 1; i < starts.length; i++) starts[i] += starts[i - 1];
    const next = starts.slice();
    const members = new Uint32Array(xs.length);
    for (let i = 0; i < xs.length; i++) members[next[cellOf(i)]++] = i;
    return {
      nearest(x, y, radius) {
        let found = null;
        let least = radius * radius;
        const clip = (value) => Math.min(Math.max(Math.floor(value * across), 0), across - 1);
        for (let row = clip(y - radius); row <= clip(y + radius); row++) {
          const from = starts[row * across + clip(x - radius)];
          const to = starts[row * across + clip(x + radius) + 1];
          for (let at = from; at < to; at++) {
            const i = members[at];
            const distance = (xs[i] - x) ** 2 + (ys[i] - y) ** 2;
            // "<=": of two at one place the later, which is painted on top.
            if (distance <= least) [found, least] = [drawn[i], distance];
          }
        }
        return found;
      },
    };
  })();

  // ---------------------------------------------------------------- map

  const outlines = (() => {
    const { rings, units_per_degree: units } = JSON.parse(byId("land").textContent);
    const path = new Path2D();
    for (const ring of rings) {
      let [x, y] = [0, 0];
      for (let i = 0; i < ring.length; i += 2) {
        x += ring[i];
        y += ring[i + 1];
        path[i === 0 ? "moveTo" : "lineTo"](worldX(x / units), worldY(y / units));
      }
      path.closePath();
    }
    return path;
  })();
  const graticule = (() => {
    const path = new Path2D();
    for (let longitude = -150; longitude < 180; longitude += 30) {
      path.moveTo(worldX(longitude), worldY(90));
      path.lineTo(worldX(longitude), worldY(-90));
    }
    for (let latitude = -60; latitude < 90; latitude += 30) {
      path.moveTo(0, worldY(latitude));
      path.lineTo(1, worldY(latitude));
    }
    return path;
  })();

  const world = L.latLngBounds([-90, -180], [90, 180]);
  const map = L.map("map", {
    crs,
    attributionControl: false,
    zoomControl: false,
    zoomSnap: 0.25,
    zoomDelta: 1,
    wheelPxPerZoomLevel: 100,
    maxZoom: 10,
    maxBounds: [[-100, -220], [100, 220]], // some way beyond the world: what a card covers can be moved out from under it
    maxBoundsViscosity: 1,
    keyboardPanDelta: 120,
    zoomAnimation: !calm.matches,
    fadeAnimation: false,
    inertia: !calm.matches,
    bounceAtZoomLimits: false,
  });

  /** Radius of a dot in CSS pixels: small where stations crowd, larger as the map opens up. */
  function dotRadius() {
    const crowd = drawn.length > 10000 ? 1.7 : drawn.length > 2000 ? 2.2 : drawn.length > 300 ? 3 : 4.5;
    return Math.min(Math.max(crowd + (map.getZoom() - 2) * 0.75, 1.5), 8);
  }

  /** Sea, land and dots on one canvas, drawn somewhat beyond the view so that a pan seldom needs a new one.
      Leaflet's own canvas renderer makes an object a dot, and asks each of 28,000 whether the mouse is over it. */
  const World = L.Renderer.extend({
    options: { padding: 0.3 },
    getEvents() {
      return { ...L.Renderer.prototype.getEvents.call(this), move: this._onMove };
    },
    _initContainer() {
      this._container = L.DomUtil.create("canvas");
      this._context = this._container.getContext("2d");
      this._sprites = L.DomUtil.create("canvas");
    },
    _destroyContainer() {
      this._container.remove();
    },
    _updatePaths() {},
    /** In a pan, a flight or a pinch: the last drawing moves and scales along, until it no longer covers the view. */
    _onMove() {
      if (map._animatingZoom) return;
      const growth = map.getZoomScale(map.getZoom(), this._zoom);
      if (growth > 2 || growth < 0.5 || !this._covered.contains(map.getBounds())) this._update();
    },
    _update() {
      if (map._animatingZoom && this._bounds) return; // as L.Canvas does: the zoom animation scales what is drawn
      L.Renderer.prototype._update.call(this);
      this._covered = L.latLngBounds(map.layerPointToLatLng(this._bounds.min), map.layerPointToLatLng(this._bounds.max));
      const canvas = this._container;
      const size = this._bounds.getSize();
      const ratio = Math.min(devicePixelRatio || 1, 2);
      L.DomUtil.setPosition(canvas, this._bounds.min);
      canvas.width = size.x * ratio; // clears it, too
      canvas.height = size.y * ratio;
      canvas.style.width = `${size.x}px`;
      canvas.style.height = `${size.y}px`;
      this._draw(map.getPixelOrigin().add(this._bounds.min), crs.scale(map.getZoom()), ratio);
    },
    _draw(origin, scale, ratio) {
      const context = this._context;
      const style = getComputedStyle(document.documentElement);
      const paint = (name) => style.getPropertyValue(name).trim();
      context.setTransform(scale * ratio, 0, 0, scale * ratio, -origin.x * ratio, -origin.y * ratio);
      context.fillStyle = paint("--sea");
      context.fillRect(0, worldY(90), 1, worldY(-90) - worldY(90));
      context.lineWidth = 1 / scale;
      context.strokeStyle = paint("--graticule");
      context.stroke(graticule);
      context.fillStyle = paint("--land");
      context.strokeStyle = paint("--coast");
      context.fill(outlines, "evenodd");
      context.stroke(outlines);

      // A dot is a copy of one of 64 small pictures: several times faster than a path a dot.
      const radius = dotRadius();
      const width = Math.ceil((2 * radius + 2) * ratio);
      const sprites = this._makeSprites(radius, width, ratio, paint("--dot-edge"));
      context.resetTransform();
      const factor = scale * ratio;
      const [left, top] = [origin.x * ratio + width / 2, origin.y * ratio + width / 2];
      const [right, bottom] = [this._container.width, this._container.height];
      for (let i = 0; i < xs.length; i++) {
        const x = Math.round(xs[i] * factor - left);
        const y = Math.round(ys[i] * factor - top);
        if (x > -width && y > -width && x < right && y < bottom) {
          context.drawImage(sprites, shades[i] * width, 0, width, width, x, y, width, width);
        }
      }
    },
    _makeSprites(radius, width, ratio, edge) {
      const sprites = this._sprites;
      sprites.width = width * SHADES;
      sprites.height = width;
      const context = sprites.getContext("2d");
      palette.forEach((fill, i) => {
        context.beginPath();
        context.arc((i + 0.5) * width, width / 2, radius * ratio, 0, 2 * Math.PI);
        context.fillStyle = fill;
        context.fill();
        if (radius >= 3) {
          context.lineWidth = 0.75 * ratio;
          context.strokeStyle = edge;
          context.stroke();
        }
      });
      return sprites;
    },
  });
  const canvas = new World();

  function fitAll(options) {
    const places = stations.filter(({ placed }) => placed).map(({ latitude, longitude }) => [latitude, longitude]);
    const bounds = places.length > 0 ? L.latLngBounds(places) : world;
    const left = narrow.matches ? 16 : 68; // beside the zoom buttons
    map.fitBounds(bounds, { paddingTopLeft: [left, 20], paddingBottomRight: [20, 20], maxZoom: 6, ...options });
  }
  function limitZoom() {
    map.setMinZoom(map.getBoundsZoom(world) - 0.25);
  }

  const ring = (className) => L.marker([0, 0], { icon: L.divIcon({ className, iconSize: [20, 20] }), interactive: false, keyboard: false });
  const hoverRing = ring("ring");
  const selectedRing = ring("ring ring-selected");
  function showRing(marker, station) {
    if (station === null || !station.placed) return marker.remove();
    marker.setLatLng([station.latitude, station.longitude]).addTo(map);
    marker.getElement().style.backgroundColor = colour(station);
    return marker;
  }

  function stationAt(containerPoint, reach) {
    const scaleNow = crs.scale(map.getZoom());
    const { x, y } = map.project(map.containerPointToLatLng(containerPoint));
    return cells.nearest(x / scaleNow, y / scaleNow, reach / scaleNow);
  }

  // ---------------------------------------------------------------- hover

  const tooltip = byId("tooltip");
  let hovered = null;

  function hover(station) {
    if (station === hovered) return;
    hovered = station;
    showRing(hoverRing, station);
    markLegend();
    tooltip.hidden = station === null;
    map.getContainer().classList.toggle("over-station", station !== null);
    if (station === null) return;
    tooltip.replaceChildren(
      element("strong", "", title(station)),
      element("span", "id", station.id),
      element("span", "", `${speed(station.mean)} mean of ${count(station.days, "day", "days")}`),
    );
    const at = map.latLngToContainerPoint([station.latitude, station.longitude]);
    const size = map.getSize();
    const { offsetWidth: width, offsetHeight: height } = tooltip;
    const left = at.x + 16 + width > size.x ? at.x - 16 - width : at.x + 16;
    tooltip.style.left = `${Math.min(Math.max(left, 8), Math.max(8, size.x - width - 8))}px`;
    tooltip.style.top = `${Math.min(Math.max(at.y - height / 2, 8), Math.max(8, size.y - height - 8))}px`;
  }

  // ---------------------------------------------------------------- details

  const details = byId("details");
  const spoken = byId("spoken");
  let selected = null;
  let returnFocus = null;

  const degrees = (value, positive, negative) => `${Math.abs(value).toFixed(3)}° ${value < 0 ? negative : positive}`;

  function windier(mean) {
    let [low, high] = [0, sortedMeans.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sortedMeans[middle] < mean) low = middle + 1;
      else high = middle;
    }
    return Math.round((100 * low) / sortedMeans.length);
  }

  function select(station, { focus = false } = {}) {
    if (focus && !details.contains(document.activeElement)) returnFocus = document.activeElement;
    selected = station;
    hover(null);
    showRing(selectedRing, station);
    fillDetails(station);
    markLegend();
    spoken.textContent = sentence(station);
    if (focus) details.focus({ preventScroll: true });
    if (station.placed) goTo(station);
  }

  function fillDetails(station) {
    const close = element("button", "close");
    close.type = "button";
    close.setAttribute("aria-label", "Close details");
    close.append(cross());
    close.addEventListener("click", closeDetails);
    const name = element("h2", "", title(station));
    name.id = "details-name";
    const big = element("p", "mean");
    const dot = element("span", "dot");
    dot.style.backgroundColor = colour(station);
    if (station.mean === null) big.append("No wind speed");
    else big.append(dot, element("strong", "", station.mean.toFixed(1)), ` ${unit.short} mean`);
    const facts = element("dl");
    for (const [term, value] of [
      ["Highest day", station.maximum === null ? "none" : speed(station.maximum)],
      ["Days measured", integer.format(station.days)],
      ["First day", station.first ?? "none"],
      ["Last day", station.last ?? "none"],
      ["Position", station.placed ? `${degrees(station.latitude, "N", "S")}, ${degrees(station.longitude, "E", "W")}` : "not given: not on the map"],
      ["Elevation", station.elevation === null ? "not given" : `${station.elevation.toFixed(0)} m`],
    ]) {
      facts.append(element("dt", "", term), element("dd", "", value));
    }
    details.replaceChildren(close, name, element("p", "id", station.id), big);
    if (station.mean !== null && sortedMeans.length > 1) {
      details.append(element("p", "rank", `Windier than ${windier(station.mean)} % of the stations`));
    }
    details.append(facts);
    // Stations that were moved or renumbered share a place; only the last painted can be pointed at.
    const here = station.placed
      ? stations.filter((other) => other !== station && other.latitude === station.latitude && other.longitude === station.longitude)
      : [];
    if (here.length > 0) {
      const list = element("ul", "here");
      for (const other of here.slice(0, 20)) {
        const button = element("button", "", `${title(other)}, ${other.id}: ${speed(other.mean)}`);
        button.type = "button";
        button.addEventListener("click", () => select(other, { focus: true }));
        const item = element("li");
        item.append(button);
        list.append(item);
      }
      details.append(element("h3", "", "At the same place"), list);
    }
    details.hidden = false;
    details.scrollTop = 0;
  }

  function cross() {
    const svg = shape("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" });
    svg.append(shape("path", { d: "m4 4 8 8M12 4l-8 8" }));
    return svg;
  }

  function closeDetails() {
    const hadFocus = details.contains(document.activeElement);
    selected = null;
    details.hidden = true;
    showRing(selectedRing, null);
    markLegend();
    if (hadFocus) (returnFocus ?? map.getContainer()).focus();
    returnFocus = null;
  }

  function goTo(station) {
    const zoom = Math.max(map.getZoom(), 5.5);
    const place = map.project([station.latitude, station.longitude], zoom);
    // On a phone the details cover the lower part of the map: the middle of the rest is the place to look at.
    if (narrow.matches) place.y += Math.max(0, map.getContainer().getBoundingClientRect().bottom - details.getBoundingClientRect().top) / 2;
    const centre = map.unproject(place, zoom);
    if (calm.matches) map.setView(centre, zoom, { animate: false });
    else map.flyTo(centre, zoom, { duration: 0.8 });
  }

  // ---------------------------------------------------------------- legend

  const legend = byId("legend");
  let pointer = null;

  function shape(tag, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  function drawLegend() {
    legend.replaceChildren(element("h2", "", `Mean wind speed, ${unit.short}`));
    legend.hidden = scale === null;
    if (scale === null) return;
    const BINS = 32;
    const binOf = (mean) => Math.min(Math.floor(position(mean) * BINS), BINS - 1);
    const heights = new Array(BINS).fill(0);
    for (const mean of sortedMeans) heights[binOf(mean)]++;
    const highest = Math.max(...heights);
    const chart = shape("svg", { viewBox: `0 0 ${BINS} 100`, preserveAspectRatio: "none", "aria-hidden": "true", class: "chart" });
    heights.forEach((height, i) => {
      const fill = palette[Math.floor(((i + 0.5) / BINS) * SHADES)];
      const tall = height === 0 ? 0 : Math.max((height / highest) * 100, 2);
      chart.append(shape("rect", { x: i + 0.06, y: 100 - tall, width: 0.88, height: tall, fill }));
    });
    const ramp = element("div", "ramp");
    ramp.style.backgroundImage = `linear-gradient(to right, ${palette.join(", ")})`;
    pointer = element("div", "pointer");
    pointer.hidden = true;
    ramp.append(pointer);
    const ticks = element("div", "ticks");
    for (const tick of scale.ticks) {
      const label = element("span", "", tick.toFixed(scale.digits));
      label.style.left = `${100 * position(tick)}%`;
      ticks.append(label);
    }
    legend.append(chart, ramp, ticks);
    const beyond = [];
    if (scale.under) beyond.push(`below ${scale.low.toFixed(1)}`);
    if (scale.over) beyond.push(`above ${scale.high.toFixed(1)}`);
    const ends = beyond.length === 0 ? "" : `; the end ${beyond.length > 1 ? "colours hold those" : "colour holds those"} ${beyond.join(" and ")}, too`;
    legend.append(element("p", "", `Bars count stations${ends}.`));
    const unplaced = stations.filter(({ placed }) => !placed).length;
    const silent = stations.length - unplaced - drawn.length;
    const reasons = [];
    if (unplaced > 0) reasons.push(`${integer.format(unplaced)} without coordinates`);
    if (silent > 0) reasons.push(`${integer.format(silent)} without a wind speed`);
    if (reasons.length > 0) legend.append(element("p", "undrawn", `Not on the map: ${reasons.join(", ")}. Search finds them.`));
    markLegend();
  }

  /** Points at the hovered station's place on the scale, else at the selected one's. */
  function markLegend() {
    const station = hovered ?? selected;
    if (pointer === null) return;
    pointer.hidden = station === null || station.mean === null;
    if (!pointer.hidden) pointer.style.left = `${100 * position(station.mean)}%`;
  }

  // ---------------------------------------------------------------- search

  const query = byId("query");
  const found = byId("found");
  const results = byId("results");
  const SHOWN = 8;
  let haystack = null;
  let options = [];
  let active = -1;

  const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

  /** Stations that hold every word: by id, then by the name's beginning, by a word's beginning, by any part. */
  function find(text) {
    haystack ??= stations.map((station) => ({ station, id: fold(station.id), name: fold(station.name ?? "") }));
    const wanted = fold(text).trim();
    const words = wanted.split(/\s+/);
    const hits = [];
    for (const { station, id, name } of haystack) {
      if (!words.every((word) => name.includes(word) || id.includes(word))) continue;
      const rank = id.startsWith(wanted) ? 0 : name.startsWith(wanted) ? 1 : ` ${name}`.includes(` ${wanted}`) ? 2 : 3;
      hits.push({ station, rank, name });
    }
    return hits.sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)).map(({ station }) => station);
  }

  function showResults() {
    const text = query.value.trim();
    if (text === "") return hideResults();
    const hits = find(text);
    options = hits.slice(0, SHOWN);
    results.replaceChildren(
      ...options.map((station, i) => {
        const option = element("li", "");
        option.id = `option-${i}`;
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", "false");
        const dot = element("span", "dot");
        dot.style.backgroundColor = colour(station);
        option.append(dot, element("span", "name", title(station)), element("span", "id", station.id), element("span", "value", speed(station.mean)));
        option.addEventListener("click", () => choose(i));
        option.addEventListener("pointermove", () => activate(i));
        return option;
      }),
    );
    const note =
      hits.length === 0 ? `No station matches “${text}”` : hits.length > SHOWN ? `${SHOWN} of ${countStations(hits.length)}: type more to narrow` : countStations(hits.length);
    byId("found-note").textContent = note;
    spoken.textContent = note;
    results.hidden = hits.length === 0;
    found.hidden = false;
    query.setAttribute("aria-expanded", String(hits.length > 0));
    activate(-1);
    return undefined;
  }

  function hideResults() {
    found.hidden = true;
    options = [];
    results.replaceChildren();
    query.setAttribute("aria-expanded", "false");
    activate(-1);
  }

  function activate(index) {
    active = index;
    [...results.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === index)));
    if (index < 0) query.removeAttribute("aria-activedescendant");
    else {
      query.setAttribute("aria-activedescendant", `option-${index}`);
      results.children[index].scrollIntoView({ block: "nearest" });
    }
  }

  function choose(index) {
    const station = options[index];
    query.value = "";
    hideResults();
    select(station, { focus: true });
  }

  query.addEventListener("input", showResults);
  query.addEventListener("focus", () => query.select());
  query.addEventListener("blur", hideResults);
  // A press on the list must not take the focus, or the list would be gone before the click.
  found.addEventListener("pointerdown", (event) => event.preventDefault());
  found.addEventListener("mousedown", (event) => event.preventDefault());
  query.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (options.length === 0) showResults();
      const n = options.length;
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (n > 0) activate(active < 0 ? (step > 0 ? 0 : n - 1) : (active + step + n) % n);
    } else if (event.key === "Enter" && options.length > 0) {
      event.preventDefault();
      choose(Math.max(active, 0));
    } else if (event.key === "Escape" && !found.hidden) {
      event.stopPropagation();
      hideResults();
    }
  });

  // ---------------------------------------------------------------- start

  const objects = `${count(run.objects_listed, "object", "objects")} listed: ${integer.format(run.objects_analysed)} analysed, ${integer.format(run.objects_rejected)} rejected, ${integer.format(run.objects_failed)} failed`;
  byId("title").textContent = `Mean wind speed, ${years()}`;
  document.title = byId("title").textContent;
  byId("facts").replaceChildren(
    ...[count(stations.length, "weather station", "weather stations"), `in ${unit.long}`, objects].map((text) => element("span", "", text)),
  );
  byId("notice").hidden = run.sample !== true;
  const observations = run.sample === true ? "Observations made up" : "Observations: NOAA Global Surface Summary of the Day";
  byId("credits").textContent = `${observations}. Land: Natural Earth. Map: Leaflet.`;

  const empty = byId("empty");
  empty.hidden = drawn.length > 0;
  empty.textContent =
    stations.length === 0 ? `No station to show. ${objects}; rejected.csv says why.` : `None of ${countStations(stations.length)} has both coordinates and a wind speed. Search finds them.`;

  const container = map.getContainer();
  container.setAttribute("role", "application");
  container.setAttribute("aria-label", "Map of stations. Arrow keys pan, plus and minus zoom, Enter shows the station nearest to the centre.");
  drawLegend();
  map.invalidateSize(); // on a phone the words above and the legend below leave the map what remains
  limitZoom();
  fitAll({ animate: false });
  canvas.addTo(map);
  new ResizeObserver(() => map.invalidateSize()).observe(container);

  const finger = matchMedia("(pointer: coarse)");
  const reach = () => Math.max(dotRadius() + 3, finger.matches ? 20 : 8);
  map.on("mousemove", ({ containerPoint, originalEvent }) => {
    if (originalEvent.buttons === 0) hover(stationAt(containerPoint, reach()));
  });
  map.on("mouseout movestart zoomstart", () => hover(null));
  map.on("click", ({ containerPoint }) => {
    const station = stationAt(containerPoint, reach());
    if (station !== null) select(station);
    else if (selected !== null) closeDetails();
  });
  map.on("resize", limitZoom);

  // By keyboard the pointer is the middle of the map: a cross marks it while the map has the focus.
  const nearCentre = () => {
    const half = map.getSize().divideBy(2);
    return stationAt(half, Math.min(half.x, half.y));
  };
  const byKeyboard = () => container.matches(":focus-visible");
  map.on("moveend", () => {
    if (document.activeElement !== container || !byKeyboard()) return;
    const station = nearCentre();
    hover(station);
    if (station !== null) spoken.textContent = sentence(station);
  });
  container.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target !== container) return;
    const station = nearCentre();
    if (station !== null) select(station, { focus: true });
  });
  container.addEventListener("blur", () => hover(null));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && selected !== null) closeDetails();
  });

  const animate = () => !calm.matches;
  byId("zoom-in").addEventListener("click", () => map.zoomIn(1, { animate: animate() }));
  byId("zoom-out").addEventListener("click", () => map.zoomOut(1, { animate: animate() }));
  byId("zoom-all").addEventListener("click", () => fitAll({ animate: animate() }));

  dark.addEventListener("change", () => {
    setPalette();
    canvas._update();
    drawLegend();
    showRing(selectedRing, selected);
    if (selected !== null) fillDetails(selected);
  });
})();
