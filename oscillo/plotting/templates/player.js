// A player of recorded oscillators: a grid of colours, or a row of oscillators as a circle and a raster.
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  // A colour of the page as it is now: a canvas knows no variables, and none that depend on light and dark.
  const sample = document.body.appendChild(document.createElement("span"));
  sample.hidden = true;
  const ink = (name) => {
    sample.style.color = `var(${name})`;
    return getComputedStyle(sample).color;
  };

  function start(root) {
    const data = JSON.parse(root.querySelector("script").textContent);
    const palettes = Object.fromEntries(Object.entries(data.palettes).map(([name, text]) => [name, bytes(text)]));
    const find = (name) => root.querySelector(`[data-${name}]`);
    const main = root.querySelector(".player-main canvas"), side = root.querySelector(".player-side canvas");
    const names = [...new Set(data.scenes.map((scene) => scene.name))];
    const at = { scene: 0, layer: 0, sample: 0, time: 0 };
    let timer = 0, began = 0, from = 0, raster = null;

    const layers = () => data.scenes.filter((scene) => scene.name === names[at.scene]);
    const scene = () => layers()[at.layer];
    const pixels = (of) => (of.bytes ??= bytes(of.pixels));
    const radii = (of) => of.radius && (of.sizes ??= bytes(of.radius));
    const size = (of) => of.height * of.width * (of.kind === "grid" ? 3 : 1);
    const place = (of, time) => (at.sample * of.times.length + time) * size(of);

    // A canvas as sharp as the screen, in units of the page.
    function paper(canvas) {
      const scale = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
      canvas.width = Math.max(1, Math.round(box.width * scale));
      canvas.height = Math.max(1, Math.round(box.height * scale));
      const pen = canvas.getContext("2d");
      pen.scale(scale, scale);
      return [pen, box.width, box.height];
    }

    function picture(width, height, colour) {
      const canvas = new OffscreenCanvas(width, height), pen = canvas.getContext("2d");
      const image = pen.createImageData(width, height);
      for (let i = 0; i < width * height; i++) {
        colour(i, image.data, 4 * i);
        if (!image.data[4 * i + 3]) image.data[4 * i + 3] = 255;
      }
      pen.putImageData(image, 0, 0);
      return canvas;
    }

    function paint(of, index, size, target, to) {
      const palette = palettes[of.colours];
      for (let k = 0; k < 3; k++) target[to + k] = palette[3 * index + k];
      if (size !== undefined && index < 255) target[to + 3] = 40 + Math.round((215 * size) / 254);
    }

    function drawGrid(of) {
      const [pen, width, height] = paper(main), all = pixels(of), first = place(of, at.time);
      const image = picture(of.width, of.height, (i, target, to) => {
        for (let k = 0; k < 3; k++) target[to + k] = all[first + 3 * i + k];
      });
      const edge = Math.min(width / of.width, height / of.height);
      const left = (width - edge * of.width) / 2, top = (height - edge * of.height) / 2;
      pen.imageSmoothingEnabled = false;
      pen.drawImage(image, left, top, edge * of.width, edge * of.height);
      if (edge < 12) return;
      pen.strokeStyle = ink("--page");
      pen.lineWidth = 2;
      pen.beginPath();
      for (let x = 0; x <= of.width; x++) { pen.moveTo(left + x * edge, top); pen.lineTo(left + x * edge, top + edge * of.height); }
      for (let y = 0; y <= of.height; y++) { pen.moveTo(left, top + y * edge); pen.lineTo(left + edge * of.width, top + y * edge); }
      pen.stroke();
    }

    // Oscillators on the circle, their mean as an arrow, and around them the colours of the phases.
    function drawCircle(of) {
      const [pen, width, height] = paper(main), all = pixels(of), sizes = radii(of), first = place(of, at.time);
      const x = width / 2, y = height / 2, ring = Math.min(x, y) - 8, radius = ring - 16, palette = palettes.phase;
      pen.lineWidth = 8;
      for (let i = 0; i < 255; i++) {
        const angle = (2 * Math.PI * i) / 254 - Math.PI;
        pen.strokeStyle = `rgb(${palette.slice(3 * i, 3 * i + 3).join()})`;
        pen.beginPath();
        pen.arc(x, y, ring, -angle - 0.02, -angle + 0.02);
        pen.stroke();
      }
      pen.strokeStyle = ink("--line");
      pen.lineWidth = 1;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.stroke();
      pen.fillStyle = ink("--c0");
      pen.globalAlpha = Math.max(0.2, Math.min(0.9, 60 / of.width));
      for (let i = 0; i < of.width; i++) {
        const index = all[first + i];
        if (index > 254) continue;
        const angle = (2 * Math.PI * index) / 254 - Math.PI, far = sizes ? (radius * sizes[first + i]) / 254 : radius;
        pen.beginPath();
        pen.arc(x + far * Math.cos(angle), y - far * Math.sin(angle), 4, 0, 2 * Math.PI);
        pen.fill();
      }
      pen.globalAlpha = 1;
      const mean = of.mean[at.sample][at.time];
      if (mean[0] === null) return;
      arrow(pen, x, y, x + radius * mean[0], y - radius * mean[1]);
      pen.fillStyle = ink("--ink");
      pen.font = "13px system-ui, sans-serif";
      pen.textAlign = "center";
      pen.fillText(`R = ${Math.hypot(...mean).toFixed(3)}`, x, y + 0.55 * radius);
    }

    function arrow(pen, x, y, toX, toY) {
      const angle = Math.atan2(toY - y, toX - x), long = Math.hypot(toX - x, toY - y), head = Math.min(12, long);
      pen.strokeStyle = pen.fillStyle = ink("--c1");
      pen.lineWidth = 3;
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(toX - 0.7 * head * Math.cos(angle), toY - 0.7 * head * Math.sin(angle));
      pen.stroke();
      pen.beginPath();
      pen.moveTo(toX, toY);
      for (const turn of [-0.45, 0.45]) pen.lineTo(toX - head * Math.cos(angle + turn), toY - head * Math.sin(angle + turn));
      pen.fill();
    }

    // Numbers of oscillators that have no phase: the number against the oscillator.
    function drawProfile(of) {
      const [pen, width, height] = paper(main), all = pixels(of), first = place(of, at.time), palette = palettes.value;
      for (let i = 0; i < of.width; i++) {
        const index = all[first + i];
        if (index > 254) continue;
        pen.fillStyle = `rgb(${palette.slice(3 * index, 3 * index + 3).join()})`;
        pen.beginPath();
        pen.arc(8 + ((width - 16) * (i + 0.5)) / of.width, height - 8 - ((height - 16) * index) / 254, 4, 0, 2 * Math.PI);
        pen.fill();
      }
      pen.strokeStyle = ink("--line");
      pen.strokeRect(0.5, 0.5, width - 1, height - 1);
    }

    const margin = { left: 46, right: 8, top: 8, bottom: 30 };

    function drawRaster(of) {
      const [pen, width, height] = paper(side), all = pixels(of), sizes = radii(of), count = of.times.length;
      const key = [at.scene, at.layer, at.sample].join();
      if (raster?.key !== key) {
        const image = picture(count, of.width, (i, target, to) => {
          const time = i % count, oscillator = of.width - 1 - Math.floor(i / count), from = place(of, time) + oscillator;
          paint(of, all[from], sizes?.[from], target, to);
        });
        raster = { key, image };
      }
      const wide = width - margin.left - margin.right, high = height - margin.top - margin.bottom;
      pen.imageSmoothingEnabled = false;
      pen.drawImage(raster.image, margin.left, margin.top, wide, high);
      axis(pen, of, width, height, [0, (of.width - 1) * of.step], "oscillator");
      cursor(pen, of, width, height);
    }

    function drawTrace(of) {
      const [pen, width, height] = paper(side), values = of.trace?.values[at.sample] ?? [];
      const known = values.filter((value) => value !== null);
      if (!known.length) return;
      const everything = of.trace.values.flat().filter((value) => value !== null);
      const low = Math.min(...everything), high = Math.max(...everything), span = high - low || 1;
      const wide = width - margin.left - margin.right, tall = height - margin.top - margin.bottom;
      const up = (value) => margin.top + 6 + (tall - 12) * (1 - (value - low) / span);
      pen.strokeStyle = ink("--c0");
      pen.lineWidth = 2;
      pen.lineJoin = "round";
      pen.beginPath();
      let down = false;
      values.forEach((value, time) => {
        if (value === null) { down = false; return; }
        pen[down ? "lineTo" : "moveTo"](margin.left + wide * share(of, time), up(value));
        down = true;
      });
      pen.stroke();
      axis(pen, of, width, height, [low, high], of.trace.label, up(low), up(high));
      cursor(pen, of, width, height);
      const now = values[at.time];
      if (now === null || now === undefined) return;
      pen.fillStyle = ink("--c1");
      pen.beginPath();
      pen.arc(margin.left + wide * share(of, at.time), up(now), 4.5, 0, 2 * Math.PI);
      pen.fill();
    }

    const share = (of, time) => (of.times[time] - of.times[0]) / (of.times.at(-1) - of.times[0]);
    const short = (value) => String(Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : +value.toPrecision(3)).replace("-", "−");

    function axis(pen, of, width, height, ends, label, low = height - margin.bottom - 2, high = margin.top + 10) {
      pen.strokeStyle = ink("--line");
      pen.lineWidth = 1;
      pen.strokeRect(margin.left - 0.5, margin.top - 0.5, width - margin.left - margin.right + 1, height - margin.top - margin.bottom + 1);
      pen.fillStyle = ink("--shade");
      pen.font = "11px system-ui, sans-serif";
      pen.textAlign = "right";
      pen.fillText(short(ends[0]), margin.left - 5, low + 3);
      pen.fillText(short(ends[1]), margin.left - 5, high + 3);
      pen.textAlign = "left";
      pen.fillText(short(of.times[0]), margin.left, height - 14);
      pen.textAlign = "right";
      pen.fillText(short(of.times.at(-1)), width - margin.right, height - 14);
      pen.textAlign = "center";
      pen.fillText(of.along, margin.left + (width - margin.left - margin.right) / 2, height - 14);
      pen.save();
      pen.translate(12, margin.top + (height - margin.top - margin.bottom) / 2);
      pen.rotate(-Math.PI / 2);
      pen.fillText(label, 0, 0);
      pen.restore();
    }

    function cursor(pen, of, width, height) {
      const x = margin.left + (width - margin.left - margin.right) * share(of, at.time);
      for (const [colour, wide] of [[ink("--page"), 4], [ink("--c1"), 2]]) {
        pen.strokeStyle = colour;
        pen.lineWidth = wide;
        pen.beginPath();
        pen.moveTo(x, margin.top);
        pen.lineTo(x, height - margin.bottom);
        pen.stroke();
      }
    }

    function legend(of) {
      const strip = find("strip"), shown = of.colours !== "components";
      strip.hidden = !shown;
      const words = of.colours === "phase" ? ["−π", "π"] : (of.ends ?? []).map(short);
      find("low").textContent = shown ? words[0] : "";
      find("high").textContent = shown ? words[1] : "";
      find("label").textContent = `Colour: ${of.label}`;
      if (!shown) return;
      const pen = strip.getContext("2d"), image = pen.createImageData(255, 1);
      for (let i = 0; i < 255; i++) { paint(of, i, undefined, image.data, 4 * i); image.data[4 * i + 3] = 255; }
      pen.putImageData(image, 0, 0);
    }

    // What there is to choose, when another evaluation or layer is shown.
    function arrange() {
      const of = scene(), rows = { scene: names.length, layer: layers().length, sample: of.labels.length };
      for (const [name, count] of Object.entries(rows)) root.querySelector(`[data-row=${name}]`).hidden = count < 2;
      at.sample = Math.min(at.sample, of.labels.length - 1);
      at.time = Math.min(at.time, of.times.length - 1);
      find("time").max = of.times.length - 1;
      find("layer").max = layers().length - 1;
      find("sample").max = of.labels.length - 1;
      find("along").textContent = of.along === "time" ? "Time" : "Step";
      find("shown").textContent = of.shown;
      const alone = of.kind === "grid" && !of.trace;
      side.parentElement.hidden = alone;
      root.classList.toggle("alone", alone);
      legend(of);
      draw();
    }

    function draw() {
      const of = scene();
      if (of.kind === "grid") { drawGrid(of); if (of.trace) drawTrace(of); }
      else { of.colours === "phase" ? drawCircle(of) : drawProfile(of); drawRaster(of); }
      const when = of.along === "time" ? `t = ${short(of.times[at.time])}` : `step ${of.times[at.time]}`;
      find("time").value = at.time;
      find("time").setAttribute("aria-valuetext", when);
      find("time-out").textContent = when;
      find("layer").value = at.layer;
      find("layer-out").textContent = `${of.layer}`;
      find("sample").value = at.sample;
      find("sample-out").textContent = of.labels[at.sample];
      main.setAttribute("aria-label", `Oscillators${of.labels[at.sample] ? ` of ${of.labels[at.sample]}` : ""} at ${when}`);
    }

    function go(time) {
      at.time = Math.max(0, Math.min(scene().times.length - 1, time));
      draw();
    }

    function tick(now) {
      const count = scene().times.length;
      const time = (from + Math.floor(((now - began) / 1000) * find("speed").value)) % count;
      if (time !== at.time) go(time);
      timer = requestAnimationFrame(tick);
    }

    function play(on) {
      cancelAnimationFrame(timer);
      timer = 0;
      if (on) {
        from = at.time === scene().times.length - 1 ? 0 : at.time;
        began = performance.now();
        timer = requestAnimationFrame(tick);
      }
      find("play").textContent = on ? "Pause" : "Play";
      root.classList.toggle("playing", on);
    }

    const choose = (name, value, then) => { at[name] = +value; then(); };
    find("play").addEventListener("click", () => play(!timer));
    find("time").addEventListener("input", (event) => { play(false); go(+event.target.value); });
    find("layer").addEventListener("input", (event) => choose("layer", event.target.value, arrange));
    find("sample").addEventListener("input", (event) => choose("sample", event.target.value, draw));
    find("scene").addEventListener("change", (event) => { at.layer = 0; choose("scene", event.target.value, arrange); });
    find("speed").addEventListener("change", () => { if (timer) play(true); });
    side.addEventListener("pointerdown", (event) => {
      const box = side.getBoundingClientRect(), of = scene();
      const wanted = (event.clientX - box.left - margin.left) / (box.width - margin.left - margin.right);
      const times = of.times.map((_, time) => Math.abs(share(of, time) - wanted));
      play(false);
      go(times.indexOf(Math.min(...times)));
    });
    root.addEventListener("keydown", (event) => {
      const own = event.target === root || event.target === find("play");
      const other = (by) => { at.sample = Math.max(0, Math.min(scene().labels.length - 1, at.sample + by)); draw(); };
      const keys = {
        ArrowRight: () => { play(false); go(at.time + 1); }, ArrowLeft: () => { play(false); go(at.time - 1); },
        ArrowUp: () => other(1), ArrowDown: () => other(-1), Home: () => go(0), End: () => go(scene().times.length - 1),
      };
      const action = event.key === " " && event.target.tagName !== "SELECT" && event.target !== find("play")
        ? () => play(!timer) : own ? keys[event.key] : null;
      if (!action) return;
      event.preventDefault();
      action();
    });
    names.forEach((name, number) => find("scene").add(new Option(name, number)));
    new ResizeObserver(draw).observe(main);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    at.time = scene().times.length - 1; // where things have settled
    arrange();
  }

  document.querySelectorAll("[data-player]").forEach(start);
})();
