// What test_page_browser.py asks of an open page. Nothing here leans on the page's own script.
"use strict";

globalThis.probes = {
  /** [x, y, "r g b"] of each dot in view, in CSS pixels of the window. The ground is nearly grey; a dot isn't. */
  dots() {
    const canvas = document.querySelector("#map canvas");
    const { width, height } = canvas;
    const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, width, height);
    const coloured = (i) => {
      const [r, g, b] = [data[4 * i], data[4 * i + 1], data[4 * i + 2]];
      return data[4 * i + 3] === 255 && Math.max(r, g, b) - Math.min(r, g, b) > 60;
    };
    const box = canvas.getBoundingClientRect();
    const view = document.querySelector("#map").getBoundingClientRect();
    const seen = new Uint8Array(width * height);
    const found = [];
    for (let start = 0; start < width * height; start++) {
      if (seen[start] || !coloured(start)) continue;
      const stack = [start];
      seen[start] = 1;
      let [sumX, sumY, n] = [0, 0, 0];
      while (stack.length > 0) {
        const at = stack.pop();
        sumX += at % width;
        sumY += Math.floor(at / width);
        n++;
        for (const next of [at - 1, at + 1, at - width, at + width]) {
          if (next < 0 || next >= width * height || seen[next] || !coloured(next)) continue;
          seen[next] = 1;
          stack.push(next);
        }
      }
      const [column, row] = [Math.round(sumX / n), Math.round(sumY / n)];
      const x = box.left + ((column + 0.5) * box.width) / width;
      const y = box.top + ((row + 0.5) * box.height) / height;
      const at = 4 * (row * width + column);
      const inView = x > view.left && x < view.right && y > view.top && y < view.bottom;
      if (n > 5 && inView) found.push([x, y, data.slice(at, at + 3).join(" ")]);
    }
    return found;
  },

  /** Resolves when the map has stood still for some frames. */
  settle() {
    const canvas = document.querySelector("#map canvas");
    return new Promise((done) => {
      let [last, still] = ["", 0];
      const look = () => {
        const box = canvas.getBoundingClientRect();
        const now = [box.left, box.top, box.width, canvas.width].join();
        still = now === last ? still + 1 : 0;
        last = now;
        if (still > 8) done();
        else requestAnimationFrame(look);
      };
      look();
    });
  },

  /** Every text on the screen: its size in pixels, its contrast with what is behind, whether some of it is cut off. */
  texts() {
    const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
      pixel.clearRect(0, 0, 1, 1);
      pixel.fillStyle = colour;
      pixel.fillRect(0, 0, 1, 1);
      return [...pixel.getImageData(0, 0, 1, 1).data];
    };
    const luminance = (colour) => {
      const linear = rgba(colour).map((c) => (c <= 10 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    };
    const ground = (element) => {
      const colour = getComputedStyle(element).backgroundColor;
      return rgba(colour)[3] === 255 ? colour : ground(element.parentElement);
    };
    const contrast = (one, other) => {
      const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
      return (high + 0.05) / (low + 0.05);
    };
    const cutOff = (element, words) => {
      if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== "visible") return true;
      let scrolls = false; // what is further down in a list that scrolls isn't cut off
      for (let box = element; box !== null; box = box.parentElement) {
        const root = box === document.documentElement;
        const { overflowX, overflowY } = getComputedStyle(box);
        const edge = root ? new DOMRect(0, 0, innerWidth, innerHeight) : box.getBoundingClientRect();
        scrolls ||= overflowY === "auto";
        if ((root || overflowX !== "visible") && (words.left < edge.left - 1 || words.right > edge.right + 1)) return true;
        const hides = !scrolls && (root || overflowY !== "visible");
        if (hides && (words.top < edge.top - 1 || words.bottom > edge.bottom + 1)) return true;
      }
      return false;
    };
    const texts = [];
    for (const element of document.body.querySelectorAll("*")) {
      if (element.closest(".sr-only, script, noscript") || !element.checkVisibility()) continue;
      const own = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== "");
      const text = element.placeholder ?? own.map((node) => node.textContent.trim()).join(" ");
      if (text === "") continue;
      const range = document.createRange();
      range.selectNodeContents(element);
      const words = (own.length > 0 ? range : element).getBoundingClientRect();
      const style = getComputedStyle(element);
      texts.push({
        text,
        size: parseFloat(style.fontSize),
        contrast: contrast(style.color, ground(element)),
        clipped: cutOff(element, words),
      });
    }
    return texts;
  },

  /** From now on, the milliseconds of each frame in which the mouse moved: `frames()` hands them over. */
  recordFrames() {
    let times = [];
    let [moved, worked, last] = [false, false, performance.now()];
    document.addEventListener("mousemove", () => (moved = true), true);
    const frame = (now) => {
      if (worked) times.push(now - last); // what a frame's work costs shows in when the next one begins
      [worked, moved, last] = [moved, false, now];
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    probes.frames = () => times.splice(0);
  },
};
