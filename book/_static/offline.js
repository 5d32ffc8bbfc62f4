/* Draws the stored figures with the book's own copies of plotly.js and 3Dmol.js: nothing is asked of the network. */
(function () {
  "use strict";
  const vendor = new URL("vendor/", document.currentScript.src).href;
  const loading = {};

  function load(name) {
    loading[name] = loading[name] || new Promise(function (resolve, reject) {
      const tag = document.createElement("script");
      tag.src = vendor + name;
      tag.onload = resolve;
      tag.onerror = reject;
      document.head.appendChild(tag);
    });
    return loading[name];
  }

  // structures ask for this promise; 3Dmol.js comes when the first one does
  Object.defineProperty(window, "$3Dmolpromise", {get: function () { return load("3Dmol-min.js"); }});

  function ink() {
    return document.documentElement.dataset.theme === "dark" ? "#d5d9e0" : "#33373d";
  }

  function draw(place) {
    // plotly's surfaces would hold a wheel that scrolls the page; with Ctrl it zooms
    place.addEventListener("wheel", function (e) { if (!e.ctrlKey) e.stopPropagation(); }, {capture: true});
    const figure = JSON.parse(place.nextElementSibling.textContent);
    const config = Object.assign({}, figure.config, {responsive: true, displayModeBar: false});
    figure.layout.font = Object.assign({color: ink()}, figure.layout.font);
    load("plotly.min.js").then(function () {
      return Plotly.newPlot(place, Object.assign(figure, {config: config}));
    }).then(function () { place.dataset.drawn = "yes"; });
  }

  // a page may hold many figures: each is drawn when it comes near the window
  const near = new IntersectionObserver(function (entries) {
    entries.filter(function (entry) { return entry.isIntersecting; }).forEach(function (entry) {
      near.unobserve(entry.target);
      draw(entry.target);
    });
  }, {rootMargin: "400px"});

  function recolour() {
    document.querySelectorAll(".course-plotly[data-drawn]").forEach(function (place) {
      Plotly.relayout(place, {"font.color": ink()});
    });
  }

  // "> **Pitfall.** …" is plain Markdown in the notebooks; here it gets its box
  function dressQuotes() {
    document.querySelectorAll("blockquote p:first-child > strong:first-child").forEach(function (word) {
      const kind = word.textContent.toLowerCase().replace(/[^a-z]+/g, "-").replace(/^-|-$/g, "");
      word.closest("blockquote").classList.add("box", "box-" + kind);
    });
  }

  function nameSolutions() {
    document.querySelectorAll(".tag_solution details.hide > summary > *").forEach(function (word) {
      word.textContent = word.textContent.replace("code cell content", "solution");
    });
  }

  // what scrolls within the page must be reachable by keyboard
  function reachScrolling() {
    document.querySelectorAll("article table, article mjx-container").forEach(function (wide) {
      if (wide.scrollWidth > wide.clientWidth + 1) wide.tabIndex = 0;
    });
  }

  window.addEventListener("load", function () {
    document.querySelectorAll(".Quiz input:not([aria-label])").forEach(function (field) {
      field.setAttribute("aria-label", "Your answer");
    });
    const math = window.MathJax && MathJax.startup && MathJax.startup.promise;
    Promise.resolve(math).then(reachScrolling);
  });
  window.addEventListener("resize", reachScrolling);

  document.addEventListener("DOMContentLoaded", function () {
    dressQuotes();
    // Sphinx calls a bibliography a list, but its entries no list items
    document.querySelectorAll(".citation-list").forEach(function (list) { list.removeAttribute("role"); });
    nameSolutions();
    document.querySelectorAll(".course-plotly").forEach(function (place) { near.observe(place); });
    new MutationObserver(recolour).observe(document.documentElement, {attributeFilter: ["data-theme"]});
  });
})();
