/* What the three explorables share: controls, pictures as SVG, and a clock that only the reader starts.
   A mark is [kind, role, points, name]; explore.css colours it by its role, so that it follows the theme. */
"use strict";
const explore = (() => {
  const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [340, 240, 50, 18, 10, 40];
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  /** A number with a true minus sign and commas between thousands. */
  function number(value, digits = 0) {
    const text = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return text.replace("-", /[1-9]/.test(text) ? "−" : "");
  }

  /** low, low + step, … high. */
  const range = (low, high, step = 1) =>
    Array.from({ length: Math.round((high - low) / step) + 1 }, (_, k) => Number((low + k * step).toFixed(9)));

  function add(parent, name, attributes = {}, text = "") {
    const node = parent.appendChild(document.createElement(name));
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.textContent = text;
    return node;
  }

  /** An empty explorable in the place of its fallback text. */
  function scene(id, name) {
    const root = document.getElementById(id);
    root.innerHTML = `<div class="explore-controls" role="group" aria-label="${name}"></div>
      <div class="explore-buttons"></div><div class="explore-panels"><dl class="explore-numbers"></dl></div>`;
    const [controls, buttons, panels] = root.children;
    const list = panels.firstChild;
    const asked = new Set();

    /** Call after what the reader is doing now, and once, however often a slider asks meanwhile. */
    function soon(change) {
      if (!asked.size) setTimeout(() => [asked.forEach((one) => one()), asked.clear()]);
      asked.add(change);
    }

    /** A slider over `stops`, shown as `tell(stop)`; returns a function that gives the stop, or sets it. */
    function slider(name, text, stops, start, tell, change) {
      const label = add(controls, "label", {}, text);
      const shown = add(label, "span", { class: "explore-value" });
      const limits = { type: "range", min: 0, max: stops.length - 1, id: `${id}-${name}`, "aria-label": text };
      const input = add(label, "input", limits);
      const set = (index) => {
        input.value = index;
        shown.textContent = tell(stops[input.value]);
        input.setAttribute("aria-valuetext", shown.textContent);
      };
      input.addEventListener("input", () => [set(input.value), soon(change)]);
      set(stops.indexOf(start));
      return (stop) => (stop === undefined || set(stops.indexOf(stop)), stops[input.value]);
    }

    const button = (text, press) => (add(buttons, "button", { type: "button" }, text).onclick = press);

    /** A button that calls `tick` again and again until it returns false; hidden where motion is unwanted. */
    function player(text, milliseconds, tick) {
      const button = add(buttons, "button", { type: "button", class: "explore-run" });
      let timer = 0;
      const run = (on = false) => {
        clearInterval(timer);
        timer = on ? setInterval(() => tick() || run(), milliseconds) : 0;
        button.textContent = on ? "Pause" : text;
        button.hidden = still.matches;
      };
      button.onclick = () => run(!timer);
      still.addEventListener("change", () => run());
      run();
      return run;
    }

    /** A picture; returns a function that draws it anew, with a key of the marks that have a name. */
    function panel(title) {
      const figure = add(panels, "figure");
      panels.append(list);
      figure.innerHTML = `<figcaption class="explore-title">${title}</figcaption><svg class="marks"
        viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"></svg><figcaption class="explore-key"></figcaption>`;
      const [, svg, legend] = figure.children;
      return (x, y, marks, description) => {
        svg.innerHTML = picture(x, y, marks);
        svg.setAttribute("aria-label", `${title}. ${description}`);
        legend.innerHTML = marks.filter(([, , , name]) => name).map(key).join("");
      };
    }

    /** The numbers beside the pictures, [name, value] each. Not announced: they change all the time. */
    function numbers(rows) {
      list.innerHTML = rows.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("");
    }

    return { slider, button, player, panel, numbers };
  }

  /** From [low, high] to [from, to]; what is beyond its ends stands at the edge. */
  const scale = (low, high, from, to) => (value) =>
    Number((from + ((Math.min(Math.max(value, low), high) - low) / (high - low)) * (to - from)).toFixed(1));

  /** About five round numbers between low and high, [value, text] each. */
  function ticks({ low, high }) {
    const power = 10 ** Math.floor(Math.log10((high - low) / 5));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power * 5.05 >= high - low);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const multiples = range(Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9));
    return multiples.map((k) => [k * step, number(k * step, digits)]);
  }

  /** Axes {low, high, label, at: ticks}, and marks over them. */
  function picture(x, y, marks) {
    const [right, bottom] = [WIDTH - RIGHT, HEIGHT - BOTTOM];
    const [atX, atY] = [scale(x.low, x.high, LEFT, right), scale(y.low, y.high, bottom, TOP)];
    const below = ([value, text]) => `<path class="tick" d="M${atX(value)} ${bottom}v4"/>
      <text x="${atX(value)}" y="${bottom + 16}" text-anchor="middle">${text}</text>`;
    const beside = ([value, text]) => `<path class="tick" d="M${LEFT} ${atY(value)}h-4"/>
      <text x="${LEFT - 7}" y="${atY(value) + 4}" text-anchor="end">${text}</text>`;
    return `${marks.map((one) => mark(one, atX, atY)).join("")}
      <path class="tick" d="M${LEFT} ${TOP}V${bottom}H${right}"/>
      ${(x.at ?? ticks(x)).map(below).join("")}${(y.at ?? ticks(y)).map(beside).join("")}
      <text x="${(LEFT + right) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${x.label}</text>
      <text transform="translate(11 ${(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">${y.label}</text>`;
  }

  const SHAPES = {
    dots: (x, y) => `M${x - 3} ${y}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z`,
    rings: (x, y) => `M${x - 4.5} ${y}a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z`,
    diamonds: (x, y) => `M${x} ${y - 4.5}l4.5 4.5l-4.5 4.5l-4.5 -4.5z`,
    cells: (x, y) => `M${x - 1.2} ${y - 8}h2.4v16h-2.4z`,
    bars: (x, y, k, zero) => `M${x - 1.7} ${zero}V${y}h3.4V${zero}z`,
  };

  function mark([kind, role, points], atX, atY) {
    const draw = SHAPES[kind] ?? ((x, y, k) => `${k ? "L" : "M"}${x} ${y}`); // a line, dashed or not
    const shapes = points.map(([x, y], k) => draw(atX(x), atY(y), k, atY(0)));
    return `<path class="${kind} ${role}" d="${shapes.join("")}"/>`;
  }

  function key([kind, role, , name]) {
    const sample = mark([kind, role, SHAPES[kind] ? [[11, 6]] : [[1, 6], [21, 6]]], (x) => x, (y) => y);
    return `<span><svg class="explore-swatch" viewBox="0 0 22 12" aria-hidden="true">${sample}</svg>${name}</span>`;
  }

  return { scene, number, range };
})();
