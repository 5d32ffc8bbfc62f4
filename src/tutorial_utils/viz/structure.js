(function () {
  "use strict";
  const SOURCE = "https://cdn.jsdelivr.net/npm/3dmol@VERSION/build/3Dmol-min.js";

  function fetchScript(urls) {
    return new Promise(function (resolve, reject) {
      const tag = document.createElement("script");
      const amd = window.define;
      window.define = undefined; // an AMD loader would swallow the library
      tag.src = urls[0];
      tag.onload = function () { window.define = amd; resolve(); };
      tag.onerror = function () {
        window.define = amd;
        urls.length > 1 ? fetchScript(urls.slice(1)).then(resolve, reject) : reject();
      };
      document.head.appendChild(tag);
    });
  }

  function library() { // the book defines this promise; in JupyterLab our server extension has a copy
    if (typeof window.$3Dmolpromise === "undefined") {
      const config = document.getElementById("jupyter-config-data");
      const base = config ? JSON.parse(config.textContent).baseUrl : null;
      window.$3Dmolpromise = fetchScript(base ? [base + "tutorial_utils/3Dmol-min.js", SOURCE] : [SOURCE]);
    }
    return window.$3Dmolpromise;
  }

  function paper(element) { // the page's own colour: see-through shapes need an opaque ground
    while (element) {
      const color = getComputedStyle(element).backgroundColor, parts = color.match(/[\d.]+/g) || [];
      if (parts.length === 3 || +parts[3] === 1) {
        return "#" + parts.slice(0, 3).map(function (p) { return Math.round(p).toString(16).padStart(2, "0"); }).join("");
      }
      element = element.parentElement;
    }
    return "white";
  }

  function fit(viewer, stage, centre, across, up, deep) { // half the width, height and depth to be seen, in Å
    const need = 1.1 * Math.max(up, across * stage.clientHeight / stage.clientWidth, 2);
    const view = viewer.getView();
    viewer.setView([-centre[0], -centre[1], -centre[2]].concat(view.slice(3)));
    viewer.setPerceivedDistance(need / Math.tan(10 * Math.PI / 180)); // the camera's half angle
    viewer.setSlab(-2 * deep, 2 * deep);
  }

  function ellipsoid(viewer, centre, T, color, frame) { // the surface T n for all unit vectors n
    const rings = 12, around = 20, vertices = [], normals = [], faces = [];
    const det = T[0][0] * (T[1][1] * T[2][2] - T[1][2] * T[2][1])
      - T[0][1] * (T[1][0] * T[2][2] - T[1][2] * T[2][0]) + T[0][2] * (T[1][0] * T[2][1] - T[1][1] * T[2][0]);
    for (let i = 0; i <= rings; i++) for (let j = 0; j < around; j++) {
      const t = Math.PI * i / rings, p = 2 * Math.PI * j / around;
      const n = [Math.sin(t) * Math.cos(p), Math.sin(t) * Math.sin(p), Math.cos(t)];
      const v = T.map(function (row) { return row[0] * n[0] + row[1] * n[1] + row[2] * n[2]; });
      const size = Math.hypot(v[0], v[1], v[2]) || 1;
      vertices.push({x: centre[0] + v[0], y: centre[1] + v[1], z: centre[2] + v[2]});
      normals.push({x: v[0] / size, y: v[1] / size, z: v[2] / size});
      if (i < rings) {
        const a = i * around + j, b = i * around + (j + 1) % around, c = a + around, d = b + around;
        const triangles = det < 0 ? [a, b, c, b, d, c] : [a, c, b, b, c, d];
        triangles.forEach(function (k) { faces.push(k); });
      }
    }
    viewer.addCustom({vertexArr: vertices, normalArr: normals, faceArr: faces, color: color, opacity: 0.55, frame: frame});
  }

  function draw(box) {
    const stage = box.querySelector("[data-stage]");
    const probe = document.createElement("canvas");
    const context = probe.getContext("webgl2") || probe.getContext("webgl");
    if (!context) return; // the picture stays
    context.getExtension("WEBGL_lose_context").loseContext();
    const viewer = window.$3Dmol.createViewer(stage, {backgroundColor: paper(box)});
    if (!viewer) return;
    COMMANDS
    if (box.view) viewer.setView(box.view);
    box.viewer = viewer;
    show(box);
    box.querySelector("img").style.visibility = "hidden";
    box.dataset.drawn = "yes";
  }

  // a browser keeps some 16 WebGL views alive on a page: out of sight the picture stands in
  function free(box) {
    if (!box.viewer) return;
    const stage = box.querySelector("[data-stage]");
    box.view = box.viewer.getView();
    box.viewer = null;
    box.querySelector("img").style.visibility = "";
    box.dataset.drawn = "";
    stage.querySelectorAll("canvas").forEach(function (canvas) {
      const context = canvas.getContext("webgl2") || canvas.getContext("webgl");
      const loss = context && context.getExtension("WEBGL_lose_context");
      if (loss) loss.loseContext();
    });
    stage.replaceChildren();
  }

  function show(box) { // the frame that the slider asks for
    const knob = box.parentNode.querySelector("input[type=range]"), viewer = box.viewer;
    if (!viewer) return;
    Promise.resolve(knob && viewer.setFrame(+knob.value)).then(function () {
      if (viewer === box.viewer) viewer.render();
    });
  }

  function wire(box) { // once: scrolling, colours, touch, slider
    const stage = box.querySelector("[data-stage]"), knob = box.parentNode.querySelector("input[type=range]");
    // a wheel over the structure scrolls the page; with Ctrl it zooms
    stage.addEventListener("wheel", function (e) { if (!e.ctrlKey) e.stopPropagation(); }, {capture: true});
    new MutationObserver(function () {
      if (box.viewer) { box.viewer.setBackgroundColor(paper(box)); box.viewer.render(); }
    }).observe(document.documentElement, {subtree: false, attributeFilter: ["data-theme"]});
    if (matchMedia("(pointer: coarse)").matches) tapToTurn(box, stage);
    if (!knob) return;
    knob.parentNode.hidden = false;
    const names = JSON.parse(knob.dataset.names), value = box.parentNode.querySelector("output");
    const play = document.createElement("button");
    let timer = 0;
    const move = function () {
      value.textContent = names[+knob.value];
      knob.setAttribute("aria-valuetext", names[+knob.value]);
      show(box);
    };
    const name = function () { play.textContent = timer ? "pause" : "\u25b6\ufe0e play"; };
    knob.addEventListener("input", move);
    play.type = "button";
    play.addEventListener("click", function () {
      clearInterval(timer);
      timer = timer ? 0 : setInterval(function () {
        knob.value = (+knob.value + 1) % names.length;
        move();
      }, 200);
      name();
    });
    name();
    knob.parentNode.after(play);
    move();
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if ("playing" in knob.dataset && !calm) play.click();
  }

  function tapToTurn(box, stage) { // a finger that starts here scrolls the page until it is told to turn
    const button = document.createElement("button");
    button.type = "button";
    button.style.cssText = "position:absolute;top:4px;right:4px;z-index:20;min-height:36px";
    const turn = function (on) {
      stage.style.pointerEvents = on ? "" : "none";
      button.textContent = on ? "done" : "tap to turn";
    };
    button.addEventListener("click", function () { turn(stage.style.pointerEvents === "none"); });
    turn(false);
    box.append(button);
  }

  const near = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) {
      const box = entry.target;
      box.near = entry.isIntersecting;
      if (!box.near) free(box);
      else library().then(function () { if (box.near && !box.viewer) draw(box); }).catch(function () {});
    });
  }, {rootMargin: "400px"});
  document.querySelectorAll('[data-structure="NAME"]:not([data-drawn])').forEach(function (box) {
    box.dataset.drawn = "";
    wire(box);
    near.observe(box);
  });
})();
