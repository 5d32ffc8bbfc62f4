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
    const stage = box.querySelector("[data-stage]"), picture = box.querySelector("img");
    const probe = document.createElement("canvas");
    const context = probe.getContext("webgl2") || probe.getContext("webgl");
    if (!context) return; // the picture stays
    context.getExtension("WEBGL_lose_context").loseContext();
    // a wheel over the structure scrolls the page; with Ctrl it zooms
    stage.addEventListener("wheel", function (e) { if (!e.ctrlKey) e.stopPropagation(); }, {capture: true});
    const viewer = window.$3Dmol.createViewer(stage, {backgroundColor: paper(box)});
    if (!viewer) return;
    new MutationObserver(function () { viewer.setBackgroundColor(paper(box)); viewer.render(); })
      .observe(document.documentElement, {subtree: false, attributeFilter: ["data-theme"]});
    COMMANDS
    viewer.render();
    picture.style.visibility = "hidden";
    box.dataset.drawn = "yes";
    const knob = box.parentNode.querySelector("input[type=range]");
    if (!knob) return;
    knob.parentNode.hidden = false;
    const names = JSON.parse(knob.dataset.names), value = box.parentNode.querySelector("output");
    const move = function () {
      value.textContent = names[+knob.value];
      knob.setAttribute("aria-valuetext", names[+knob.value]);
      Promise.resolve(viewer.setFrame(+knob.value)).then(function () { viewer.render(); });
    };
    knob.addEventListener("input", move);
    move();
    const play = document.createElement("button");
    let timer = 0;
    const name = function () {
      play.textContent = timer ? "pause" : "\u25b6\ufe0e play";
    };
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
  }

  // drawn when it comes near the window: a page holds few WebGL views at a time, and a folded one has no size yet
  const near = new IntersectionObserver(function (entries) {
    entries.filter(function (entry) { return entry.isIntersecting; }).forEach(function (entry) {
      near.unobserve(entry.target);
      library().then(function () { draw(entry.target); }).catch(function () {}); // the picture stays
    });
  }, {rootMargin: "400px"});
  document.querySelectorAll('[data-structure="NAME"]:not([data-drawn])').forEach(function (box) {
    box.dataset.drawn = "";
    near.observe(box);
  });
})();
