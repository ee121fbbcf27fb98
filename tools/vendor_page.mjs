// Copies what the pages need from node_modules: the map's into lambdas/wind_speed/page_assets, licences beside it, and the
// state machine's drawing (Viz.js, whose package has no licence file: the one beside it is ours to keep up) into
// constructs_lib/local/page_assets, the dashboard's lines (uPlot) into constructs_lib/forecast/page_assets.
//
//   node tools/vendor_page.mjs           write the files
//   node tools/vendor_page.mjs --check   exit code 1 and a line a file that differs
//
// Leaflet, Viz.js and uPlot are copied as they are. The land outlines come from world-atlas (Natural Earth, 1:50 million):
// TopoJSON is decoded, cut at the 180th meridian, rounded to 0.01 degree, thinned to a tolerance of 0.02 degree, and
// written as delta-encoded rings. That is 0.2 MB, where GeoJSON of the same outlines is 2.4 MB, and no decoder needs to
// travel with the page.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const MAP = "lambdas/wind_speed/page_assets";
const DRAWING = "constructs_lib/local/page_assets";
const DASHBOARD = "constructs_lib/forecast/page_assets";
const { feature } = createRequire(import.meta.url)("topojson-client");

const UNITS_PER_DEGREE = 100;
const TOLERANCE = 2; // in those units

const fromModules = (path) => readFileSync(join(root, "node_modules", path));

/** Douglas-Peucker: the points of `line` that differ from a straight line by more than TOLERANCE. */
function thin(line) {
  const keep = new Uint8Array(line.length);
  keep[0] = keep[line.length - 1] = 1;
  const spans = [[0, line.length - 1]];
  while (spans.length > 0) {
    const [first, last] = spans.pop();
    const [ax, ay] = line[first];
    const [bx, by] = line[last];
    const length = Math.hypot(bx - ax, by - ay);
    let farthest = -1;
    let distance = TOLERANCE;
    for (let i = first + 1; i < last; i++) {
      const [x, y] = line[i];
      const d = length > 0 ? Math.abs((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / length : Math.hypot(ax - x, ay - y);
      if (d > distance) [farthest, distance] = [i, d];
    }
    if (farthest > 0) {
      keep[farthest] = 1;
      spans.push([first, farthest], [farthest, last]);
    }
  }
  return line.filter((_, i) => keep[i]);
}

/** The closed ring without its closing point, longitudes continuous: world-atlas's rings jump from 180 to -180. */
function unwrap(ring) {
  let shift = 0;
  const points = ring.map(([lon, lat], i) => {
    if (i > 0) shift -= 360 * Math.round((lon - ring[i - 1][0]) / 360);
    return [lon + shift, lat];
  });
  const [end] = points.pop();
  const [start] = points[0];
  // Antarctica goes round the pole and so ends 360 degrees from where it began: the map's edge closes it.
  return Math.abs(end - start) < 180 ? points : [...points, [end, points[0][1]], [end, -90], [start, -90]];
}

/** Sutherland-Hodgman against one meridian: the part of the ring on the side where `sign * (lon - edge)` is negative. */
function clip(ring, edge, sign) {
  return ring.flatMap(([x, y], i) => {
    const [px, py] = ring.at(i - 1);
    const inside = sign * (x - edge) <= 0;
    const crossing = inside === sign * (px - edge) <= 0 ? [] : [[edge, py + ((y - py) * (edge - px)) / (x - px)]];
    return inside ? [...crossing, [x, y]] : crossing;
  });
}

/** The one or two rings that lie between 180 degrees west and east. */
function cut(ring) {
  const whole = unwrap(ring);
  return [-360, 0, 360]
    .map((shift) => clip(clip(whole.map(([lon, lat]) => [lon + shift, lat]), 180, 1), -180, -1))
    .filter((part) => part.length > 2);
}

/** [[lon, lat], ...] in degrees -> [x, y, dx, dy, ...] in hundredths of a degree. */
function encode(ring) {
  const points = thin(ring.map(([lon, lat]) => [Math.round(lon * UNITS_PER_DEGREE), Math.round(lat * UNITS_PER_DEGREE)]));
  let [x, y] = [0, 0];
  return points.flatMap(([px, py]) => {
    const step = [px - x, py - y];
    [x, y] = [px, py];
    return step;
  });
}

function land() {
  const topology = JSON.parse(fromModules("world-atlas/land-50m.json"));
  const { features } = feature(topology, topology.objects.land);
  const polygons = features.flatMap(({ geometry }) => (geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates));
  const rings = polygons.flat().flatMap(cut).map(encode).filter((ring) => ring.length >= 6);
  const { version } = JSON.parse(fromModules("world-atlas/package.json"));
  const source = `Natural Earth 1:50m land, public domain, by way of world-atlas ${version} (ISC licence)`;
  const lines = rings.map((ring) => JSON.stringify(ring)).join(",\n");
  return Buffer.from(`{"source":"${source}","units_per_degree":${UNITS_PER_DEGREE},"rings":[\n${lines}\n]}\n`);
}

const files = {
  [`${MAP}/leaflet/leaflet.js`]: fromModules("leaflet/dist/leaflet.js"),
  [`${MAP}/leaflet/leaflet.css`]: fromModules("leaflet/dist/leaflet.css"),
  [`${MAP}/leaflet/LICENSE`]: fromModules("leaflet/LICENSE"),
  [`${MAP}/land/land.json`]: land(),
  [`${MAP}/land/LICENSE`]: fromModules("world-atlas/LICENSE"),
  [`${DRAWING}/viz/viz-global.js`]: fromModules("@viz-js/viz/dist/viz-global.js"),
  ...Object.fromEntries(
    ["LICENSE", "dist/uPlot.iife.min.js", "dist/uPlot.min.css"].map((file) => [
      `${DASHBOARD}/uplot/${file.replace("dist/", "")}`,
      fromModules(`uplot/${file}`),
    ]),
  ),
};

const check = process.argv.includes("--check");
for (const [name, content] of Object.entries(files)) {
  const path = join(root, name);
  if (check) {
    if (!readFileSync(path).equals(content)) {
      console.log(`${name} differs from what node_modules gives: node tools/vendor_page.mjs`);
      process.exitCode = 1;
    }
  } else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
}
